"""No masks."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from semore_gym.masks.base import Images


class NoMasks:
    """Zero masks, so that a policy trained with masks runs without.

    Example:
        >>> NoMasks()(np.zeros((2, 3, 84, 84), np.uint8)).shape
        (2, 1, 84, 84)
    """

    every: ClassVar[int] = 1

    def reset(self, env: gym.Env[Any, Any], rng: np.random.Generator) -> None:
        """Nothing to get ready."""

    def __call__(self, frames: Images) -> Images:
        """Zeros, (N, 1, H, W) uint8 for frames (N, 3, H, W)."""
        return np.zeros_like(frames[:, :1])
