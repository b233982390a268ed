"""A replay buffer for states, vectors of numbers instead of pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch as th
from stable_baselines3.common.type_aliases import ReplayBufferSamples
from stable_baselines3.common.vec_env import VecNormalize

from semore_gym.policies.replay.archive import RING, check_settings, delete_unnamed, write_arrays
from semore_gym.policies.replay.ring import Indices, TransitionRing
from semore_gym.policies.replay.samples import FrameBatch
from semore_gym.policies.replay.transitions import TransitionBuffer
from semore_gym.utils.files import write_text

Array = npt.NDArray[Any]
FORMAT = "semore-gym states 1"


class StateReplayBuffer(TransitionBuffer):
    """Replay buffer for states that does for them what `FrameReplayBuffer` does for frames.

    An observation that is not the one the last transition ended in starts a new episode. A transition whose
    info has `end_reason` "simulator_error" is stored but never drawn.

    Args:
        *args: Those of `TransitionBuffer`, with a Box (n,) as `observation_space`.
        **kwargs: Its further ones.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._clear()

    def reset(self) -> None:
        """Forget everything."""
        super().reset()
        self._clear()

    def _clear(self) -> None:
        self.ring = TransitionRing(self.buffer_size, self.n_envs, 1, self.action_dim, np.float32)
        self.states, self.next_states = (
            np.zeros((self.ring.capacity, *self.obs_shape), np.float32) for _ in range(2)
        )

    def add(
        self,
        obs: Array,
        next_obs: Array,
        action: Array,
        reward: Array,
        done: Array,
        infos: Sequence[Mapping[str, Any]],
    ) -> None:
        """Add one transition of every environment, as SB3's algorithms do."""
        row = self.ring.next_row()
        before = self.ring.previous(row.start)
        ended_in = self.next_states[before : before + self.n_envs]
        starts = (obs != ended_in).any(axis=1)
        self.states[row], self.next_states[row] = obs, next_obs
        self.ring.put(action, reward, done, infos, starts)
        self.pos, self.full = self.ring.row, self.ring.full

    def sample_frames(self, batch_size: int) -> FrameBatch:
        """Draw transitions with replacement; `frames` and `next_frames` are states, (B, n) float32."""
        indices = self.ring.draw(batch_size)
        returns = self.ring.n_step_returns(indices, self.n_steps, self.gamma)
        arrays = {
            "frames": self.states[indices],
            "next_frames": self.next_states[returns.last],
            "masks": np.zeros((batch_size, 0), np.uint8),
            "actions": self.ring.actions[indices],
            "rewards": returns.rewards,
            "dones": returns.terminated,
            "discounts": returns.discounts,
            "step_rewards": self.ring.rewards[indices, None],
            "step_next_frames": self.next_states[indices],
            "ids": indices,
        }
        tensors = {name: th.as_tensor(array, device=self.device) for name, array in arrays.items()}
        return FrameBatch(**tensors, one_step=np.array_equal(returns.last, indices))

    def _get_samples(self, batch_inds: Indices, env: VecNormalize | None = None) -> ReplayBufferSamples:
        raise NotImplementedError("a StateReplayBuffer is VisualSAC's: use sample_frames")

    def save(self, folder: str | PathLike[str], manifest: str = "manifest.json") -> None:
        """Write the buffer into a folder, as arrays."""
        path, size = Path(folder), self.ring.size
        path.mkdir(parents=True, exist_ok=True)
        arrays = {name: getattr(self.ring, name)[:size] for name in RING}
        file = write_arrays(
            path, "state", **arrays, states=self.states[:size], next_states=self.next_states[:size]
        )
        content = {
            "format": FORMAT,
            "settings": self._settings(),
            "chunks": [],
            "state": file,
            "added": self.ring.added,
        }
        write_text(path / manifest, json.dumps(content, indent=1))
        delete_unnamed(path)

    def load(self, folder: str | PathLike[str], manifest: str = "manifest.json") -> None:
        """Become the buffer that was saved in a folder.

        Raises:
            ValueError: If it was saved by a buffer of other settings, or by something else.
        """
        path = Path(folder) / manifest
        content = json.loads(path.read_text())
        if content.get("format") != FORMAT:
            raise ValueError(f"{path} is not a manifest of a replay buffer of states ({FORMAT})")
        check_settings(path, content["settings"], self._settings())
        self.reset()
        with np.load(path.parent / content["state"]) as arrays:
            size = len(arrays["states"])
            for name in RING:
                getattr(self.ring, name)[:size] = arrays[name]
            self.states[:size], self.next_states[:size] = arrays["states"], arrays["next_states"]
        self.ring.added = content["added"]
        self.pos, self.full = self.ring.row, self.ring.full

    def _settings(self) -> dict[str, Any]:
        return {"n_envs": self.n_envs, "rows": self.buffer_size, "shape": list(self.obs_shape)}
