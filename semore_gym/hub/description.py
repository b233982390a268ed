"""The config.json of a shared agent."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from typing import Any

from gymnasium import spaces
from stable_baselines3.common.utils import get_device
from stable_baselines3.common.vec_env import VecEnv

from semore_gym.config import EnvConfig
from semore_gym.hub.settings import blank, from_json, give_settings, settings_of
from semore_gym.hub.spaces import space_from_json, space_to_json
from semore_gym.policies import ALGORITHMS, VisualSAC
from semore_gym.policies.observations import learnt_alike
from semore_gym.policies.replay.storage import usable_storage
from semore_gym.utils.signatures import check_names

FORMAT = 1
PACKAGES = ("semore-gym", "stable-baselines3", "torch", "gymnasium")


@dataclass(frozen=True)
class Description:
    """All of an agent but its tensors, as JSON has it."""

    algorithm: str
    """The algorithm's name in `semore_gym.policies.ALGORITHMS`."""
    settings: dict[str, Any]
    """The keywords that make the algorithm again, see `settings_of`."""
    observation_space: dict[str, Any]
    """What `space_to_json` makes of the observation space."""
    action_space: dict[str, Any]
    """What `space_to_json` makes of the action space."""
    environment: dict[str, Any] | None
    """The fields of the `EnvConfig` that the agent was trained in, if known."""
    versions: dict[str, str]
    """The versions of the packages that wrote the folder."""
    format: int = FORMAT
    """The version of this file's format."""

    @classmethod
    def of(cls, model: VisualSAC, env: EnvConfig | None) -> Description:
        """Describe a model.

        Raises:
            ValueError: If its class is not in `ALGORITHMS`, or as `settings_of` and `space_to_json` do.
        """
        return cls(
            algorithm_name(model),
            settings_of(model),
            space_to_json(model.observation_space),
            space_to_json(model.action_space),
            None if env is None else _environment(env),
            {package: version(package) for package in PACKAGES},
        )

    def to_json(self) -> str:
        """The file's text."""
        return json.dumps(asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Description:
        """Read what `to_json` wrote.

        Raises:
            ValueError: If it is anything else.
        """
        values = json.loads(text)
        names = [item.name for item in fields(cls)]
        if not isinstance(values, dict):
            raise ValueError(f"expected a JSON object, got {type(values).__name__}")
        check_names("fields", values, names)
        missing = [name for name in names if name not in values]
        if missing:
            raise ValueError(f"fields {', '.join(missing)} are missing")
        if values["format"] != FORMAT:
            raise ValueError(f"format must be {FORMAT}, got {values['format']!r}: update semore-gym")
        if not isinstance(values["settings"], dict):
            raise ValueError(f"settings must be a JSON object, got {values['settings']!r}")
        return cls(**values)

    def env_config(self) -> EnvConfig | None:
        """The environment that it was trained in, if known.

        Raises:
            ValueError: If a field is unknown, has a wrong value, names a module, or says where CARLA is:
                that may name a program to start.
        """
        if self.environment is None:
            return None
        if "carla" in self.environment:
            raise ValueError("environment must not hold carla: where it is, each user says")
        return EnvConfig.from_json(json.dumps(from_json(self.environment)))

    def build(self, env: VecEnv | None = None, device: str = "auto") -> VisualSAC:
        """Make the model, its tensors not yet those of the agent.

        Args:
            env: What it will be trained on; None where it only acts. A `residual` there may be more or less.
            device: Where the networks go.

        Raises:
            ValueError: If the algorithm is unknown, or a setting or a space is wrong.
        """
        if not isinstance(self.algorithm, str) or self.algorithm not in ALGORITHMS:
            known = ", ".join(sorted(ALGORITHMS))
            raise ValueError(f"unknown algorithm {self.algorithm!r}; known: {known}")
        model = blank(ALGORITHMS.load(self.algorithm))
        give_settings(model, self.settings)
        model.replay_buffer_kwargs = usable_storage(model.replay_buffer_kwargs)
        model.observation_space = space_from_json(self.observation_space)
        if env is not None and learnt_alike(model.observation_space, env.observation_space):
            model.observation_space = env.observation_space
        action_space = space_from_json(self.action_space)
        if not isinstance(action_space, spaces.Box):
            raise ValueError(f"action_space must be a Box, got {action_space}")
        model.action_space = action_space
        model.n_envs = 1 if env is None else env.num_envs
        model.device = get_device(device)
        try:
            model._setup_model()
        except (TypeError, AttributeError, AssertionError, RuntimeError) as error:
            raise ValueError(f"the settings make no {self.algorithm}: {error}") from error
        return model


def algorithm_name(model: VisualSAC) -> str:
    """Name of a model's algorithm.

    Raises:
        ValueError: If it has none.
    """
    entry = f"{type(model).__module__}:{type(model).__qualname__}"
    names = [name for name, known in ALGORITHMS.items() if known == entry]
    if not names:
        raise ValueError(f"{entry} must be in ALGORITHMS to be shared: ALGORITHMS.register(name, {entry!r})")
    return names[0]


def _environment(env: EnvConfig) -> dict[str, Any]:
    """The fields but the sharer's CARLA server, of names that tell a module to import only the name."""
    values = {item.name: getattr(env, item.name) for item in fields(EnvConfig) if item.name != "carla"}
    return {name: item.rpartition(":")[2] if isinstance(item, str) else item for name, item in values.items()}
