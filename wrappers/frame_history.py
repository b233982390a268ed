"""A short history of frames, stacked on the channel axis."""

from __future__ import annotations

from collections import deque
from typing import Any, SupportsFloat

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.core import ActType
from gymnasium.utils import RecordConstructorArgs

Frames = npt.NDArray[np.uint8]


class FrameHistory(gym.Wrapper[Frames, ActType, Frames, ActType], RecordConstructorArgs):
    """Observes the last k frames, channels first, oldest first.

    After a reset the first frame fills the whole history. Each observation is an array of its own.

    Args:
        env: Any environment whose observation is one RGB frame, (H, W, 3) uint8.
        frames: k, the number of frames.

    Raises:
        TypeError: If the environment's observations are something else.
        ValueError: If `frames` is not a positive integer.

    Example:
        >>> env = FrameHistory(gym.make("CarRacing-v3"), frames=3)
        >>> env.observation_space.shape
        (9, 96, 96)
    """

    def __init__(self, env: gym.Env[Frames, ActType], frames: int = 3) -> None:
        RecordConstructorArgs.__init__(self, frames=frames)
        gym.Wrapper.__init__(self, env)
        height, width = _frame_size(env.observation_space)
        if isinstance(frames, bool) or not isinstance(frames, int) or frames < 1:
            raise ValueError(f"frames must be a positive int, got {frames!r}")
        self._history: deque[Frames] = deque(maxlen=frames)
        self.observation_space = spaces.Box(0, 255, (3 * frames, height, width), np.uint8)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Frames, dict[str, Any]]:
        """Reset the environment and fill the history with its first frame."""
        frame, info = self.env.reset(seed=seed, options=options)
        self._history.extend([_channels_first(frame)] * (self._history.maxlen or 0))
        return np.concatenate(self._history), info

    def step(self, action: ActType) -> tuple[Frames, SupportsFloat, bool, bool, dict[str, Any]]:
        """Step the environment and push its frame onto the history."""
        frame, reward, terminated, truncated, info = self.env.step(action)
        self._history.append(_channels_first(frame))
        return np.concatenate(self._history), reward, terminated, truncated, info


def _channels_first(frame: Frames) -> Frames:
    # A copy, since an environment may draw its next frame into the same array.
    return np.moveaxis(frame, -1, 0).copy()


def _frame_size(space: spaces.Space[Any]) -> tuple[int, int]:
    if not isinstance(space, spaces.Box) or space.dtype != np.uint8 or space.shape[2:] != (3,):
        raise TypeError(
            f"FrameHistory needs an environment that observes one RGB frame, Box(0, 255, (H, W, 3), uint8); "
            f"this one's observation space is {space}"
        )
    return space.shape[0], space.shape[1]
