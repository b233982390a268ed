"""How an algorithm is kept on disk and read back."""

from __future__ import annotations

import io
import pathlib
import sys
from collections.abc import Collection, Mapping
from importlib import import_module
from operator import attrgetter
from typing import Any, ClassVar, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from gymnasium import spaces
from stable_baselines3.common.env_util import is_wrapped
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.save_util import load_from_zip_file
from stable_baselines3.common.type_aliases import GymEnv
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv
from stable_baselines3.sac.sac import SAC

from semore_gym.policies.channels import keep_channels_first
from semore_gym.policies.compiled import fitting_state, plain_state
from semore_gym.policies.observations import acted_on, learnt_alike
from semore_gym.policies.replay.storage import usable_storage
from semore_gym.policies.replay.transitions import TransitionBuffer, check_buffer
from semore_gym.policies.visual_policy import VisualPolicy
from semore_gym.utils.signatures import check_names, keywords

S = TypeVar("S", bound="StoredSAC")
MOVED = {  # modules that version 0.1's files name, and where their classes are now
    "semore_gym.masks.judges": "semore_gym.judges",
    "semore_gym.masks.judges.rule": "semore_gym.judges.rule",
    "semore_gym.policies.replay_state": "semore_gym.policies.replay.state",
    "semore_gym.policies.selective": "semore_gym.policies.replay.selective",
    "semore_gym.policies.simoun_encoder": "semore_gym.policies.encoders.simoun",
}


class StoredSAC(SAC):
    """SAC whose zip file says which algorithm wrote it, and whose frame buffer lies in a folder.

    Attributes:
        algorithm: Name of the class that the model was made by; it comes back from the file.
        fixed: Attributes that decide what the networks are, so that loading cannot replace them.
        buffer_class: What a replay buffer has to be.
    """

    algorithm: str
    fixed: ClassVar[frozenset[str]] = frozenset({"algorithm"})
    buffer_class: ClassVar[type[TransitionBuffer]]

    @classmethod
    def check_arguments(cls, given: Collection[str]) -> None:
        """Refuse keywords that the constructor does not take.

        Raises:
            ValueError: If there are any.
        """
        known = keywords(cls).keys() - {"policy", "env", "_init_setup_model"}
        check_names(f"arguments of {cls.__name__}", given, sorted(known))

    @classmethod
    def load(
        cls: type[S],
        path: str | pathlib.Path | io.BufferedIOBase,
        env: GymEnv | None = None,
        device: torch.device | str = "auto",
        custom_objects: dict[str, Any] | None = None,
        print_system_info: bool = False,
        force_reset: bool = True,
        **kwargs: Any,
    ) -> S:
        """Load a model; the arguments are Stable-Baselines3's.

        The environment may have a `residual` where the saved model's had none, or none where it had one. The
        replay buffer's `storage_device` is the CPU where this machine lacks the saved one.

        Raises:
            ValueError: If another algorithm wrote the file, its spaces are not the environment's, its tensors
                do not fit the networks, or a further keyword names what cannot be replaced.
        """
        for old, new in MOVED.items():
            sys.modules.setdefault(old, import_module(new))
        blank = cls(VisualPolicy, None, _init_setup_model=False)  # type: ignore[arg-type]
        unknown = sorted(kwargs.keys() - vars(blank).keys())
        if unknown:
            raise ValueError(f"load replaces attributes, and {cls.__name__} has no {', '.join(unknown)}")
        wanted = {name: kwargs.pop(name) for name in cls.fixed & kwargs.keys()}
        data = load_from_zip_file(path, custom_objects=custom_objects, device=device)[0] or {}
        if "replay_buffer_kwargs" not in kwargs:
            kwargs["replay_buffer_kwargs"] = usable_storage(data.get("replay_buffer_kwargs", {}))
        if env is not None:
            env = cls._wrap_env(env)
            if data and learnt_alike(data["observation_space"], env.observation_space):
                custom_objects = {**(custom_objects or {}), "observation_space": env.observation_space}
        try:
            model = super().load(
                path, env, device, custom_objects, print_system_info, force_reset=force_reset, **kwargs
            )
        except RuntimeError as error:
            if "loading state_dict" not in str(error):
                raise
            first = " ".join(str(error).split("\n\t")[:2])  # one line for each tensor would follow
            raise ValueError(f"the tensors in {path} do not fit the networks: {first}") from error
        for name, value in wanted.items():
            if (saved := getattr(model, name)) != value:
                raise ValueError(f"{name} of the model in {path} is {saved!r}, and cannot become {value!r}")
        return model

    def predict(
        self,
        observation: npt.NDArray[Any] | dict[str, npt.NDArray[Any]],
        state: tuple[npt.NDArray[Any], ...] | None = None,
        episode_start: npt.NDArray[np.bool_] | None = None,
        deterministic: bool = False,
    ) -> tuple[npt.NDArray[Any], tuple[npt.NDArray[Any], ...] | None]:
        """Choose actions; the arguments are Stable-Baselines3's.

        Of a Dict observation only `frames` is read, so that it may lack what guides learning, or have more.
        """
        if isinstance(observation, Mapping):
            frames = acted_on(observation)
            observation = {"frames": frames} if isinstance(self.observation_space, spaces.Dict) else frames
        return super().predict(observation, state, episode_start, deterministic)

    @staticmethod
    def _wrap_env(env: GymEnv, verbose: int = 0, monitor_wrapper: bool = True) -> VecEnv:
        """Wrap as Stable-Baselines3 does, but never transpose stacked frames."""
        if not isinstance(env, VecEnv):
            single = env if is_wrapped(env, Monitor) or not monitor_wrapper else Monitor(env)
            env = DummyVecEnv([lambda: single])
        return SAC._wrap_env(keep_channels_first(env), verbose, monitor_wrapper)

    def _setup_model(self) -> None:
        if self.algorithm != type(self).__name__:
            raise ValueError(
                f"a model saved by {self.algorithm} cannot be loaded as {type(self).__name__}; "
                f"use {self.algorithm}.load, or its name as --algo"
            )
        if not issubclass(self.policy_class, VisualPolicy):
            raise ValueError(self._wanted_policy(self.policy_class.__name__))
        self.policy_class.observed_shape(self.observation_space)
        check_buffer(self.replay_buffer_class, self.buffer_class, self.replay_buffer_kwargs)
        super()._setup_model()

    def get_parameters(self) -> dict[str, dict[str, Any]]:
        """Give the state dicts that `save` writes, by the names that they have without torch.compile."""
        modules = self.modules()
        plain = {part: plain_state(module) for part, module in modules.items()}
        return {part: plain.get(part, state) for part, state in super().get_parameters().items()}

    def set_parameters(
        self,
        load_path_or_dict: str | dict[str, Any],
        exact_match: bool = True,
        device: torch.device | str = "auto",
    ) -> None:
        """Take what `get_parameters` gave, compiled or not; the arguments are Stable-Baselines3's."""
        given: dict[str, Any] = (
            load_path_or_dict
            if isinstance(load_path_or_dict, dict)
            else load_from_zip_file(load_path_or_dict, device=device, load_data=False)[1]
        )
        modules = self.modules()
        fitting: dict[str, Any] = {
            part: fitting_state(modules[part], state) if part in modules else state
            for part, state in given.items()
        }
        super().set_parameters(fitting, exact_match, device)

    def modules(self) -> dict[str, torch.nn.Module]:
        """Give the networks that are saved, by the attributes where they are."""
        parts = {part: attrgetter(part)(self) for part in self._get_torch_save_params()[0]}
        return {part: module for part, module in parts.items() if isinstance(module, torch.nn.Module)}

    def _get_policy_from_name(self, policy_name: str) -> type[BasePolicy]:
        if policy_name not in self.policy_aliases:
            raise ValueError(self._wanted_policy(repr(policy_name)))
        return super()._get_policy_from_name(policy_name)

    def _wanted_policy(self, given: str) -> str:
        name = next(iter(self.policy_aliases))
        return f"policy of {type(self).__name__} must be {name!r} or a subclass of VisualPolicy, got {given}"

    @property
    def transitions(self) -> TransitionBuffer:
        """The replay buffer, by its own type."""
        if not isinstance(self.replay_buffer, TransitionBuffer):
            raise ValueError(
                f"replay_buffer must be a TransitionBuffer, got {type(self.replay_buffer).__name__}"
            )
        return self.replay_buffer

    def save_replay_buffer(self, path: str | pathlib.Path | io.BufferedIOBase) -> None:
        """Write the buffer into a folder, as arrays, only what changed since the last save."""
        self.transitions.save(self._folder(path))

    def load_replay_buffer(
        self, path: str | pathlib.Path | io.BufferedIOBase, truncate_last_traj: bool = True
    ) -> None:
        """Read the buffer from the folder that `save_replay_buffer` wrote.

        Args:
            path: The folder.
            truncate_last_traj: Has no meaning here (a new episode is recognised by its frames); must be True.
        """
        if not truncate_last_traj:
            raise ValueError("truncate_last_traj must be True: a running episode is recognised by its frames")
        self.transitions.load(self._folder(path))

    @staticmethod
    def _folder(path: str | pathlib.Path | io.BufferedIOBase) -> pathlib.Path:
        if isinstance(path, io.BufferedIOBase):
            raise ValueError("path must be a folder's path, got an open file")
        return pathlib.Path(path)
