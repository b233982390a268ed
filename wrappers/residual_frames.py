"""What changed from frame to frame."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.core import ActType
from gymnasium.utils import RecordConstructorArgs

from semore_gym.wrappers.frames_space import frames_space

Frames = npt.NDArray[np.uint8]


class ResidualFrames(gym.ObservationWrapper[dict[str, Any], ActType, Frames], RecordConstructorArgs):
    """Adds the differences of consecutive frames to the observation.

    The observation becomes a Dict: `frames` (3k, H, W) uint8 and `residual` (3(k-1), H, W) int16, which
    holds o_{i+1} - o_i exactly, oldest first, in [-255, 255].

    Args:
        env: An environment that observes stacked frames, see `FrameHistory`; two at least.

    Raises:
        TypeError: If the environment's observations are something else.

    Example:
        >>> from semore_gym.wrappers import FrameHistory
        >>> env = ResidualFrames(FrameHistory(gym.make("CarRacing-v3")))
        >>> env.observation_space["residual"].shape
        (6, 96, 96)
    """

    def __init__(self, env: gym.Env[Frames, ActType]) -> None:
        RecordConstructorArgs.__init__(self)
        gym.ObservationWrapper.__init__(self, env)
        if isinstance(env.observation_space, spaces.Dict):
            raise TypeError(
                f"ResidualFrames goes directly onto FrameHistory; this environment's observation space is "
                f"{env.observation_space}"
            )
        frames = frames_space("ResidualFrames", env.observation_space)
        channels, height, width = frames.shape
        if channels < 6:
            raise TypeError(f"ResidualFrames needs a history of at least 2 frames, got {channels // 3}")
        residual = spaces.Box(-255, 255, (channels - 3, height, width), np.int16)
        self.observation_space = spaces.Dict({"frames": frames, "residual": residual})

    def observation(self, observation: Frames) -> dict[str, Any]:
        """Frames and their exact differences.

        Args:
            observation: (3k, H, W) uint8.
        """
        return {
            "frames": observation,
            "residual": np.subtract(observation[3:], observation[:-3], dtype=np.int16),
        }
