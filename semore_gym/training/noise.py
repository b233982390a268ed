"""The noise by which a driver explores."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from stable_baselines3.common.noise import OrnsteinUhlenbeckActionNoise

THETA = 0.15  # what of it is gone after a step


class ThrottleNoise(OrnsteinUhlenbeckActionNoise):
    """Noise on the throttle that lasts for some steps (Lillicrap 2016), none on the steering.

    Independent noise brakes away what it gains: a random driver hardly moves, is soon stuck, and the agent
    learns to stand still.

    Args:
        std: Its standard deviation in the long run.
        fading: Steps of an environment until it has faded, linearly, to nothing; None lets it last.
    """

    def __init__(self, std: float, fading: int | None = None) -> None:
        sigma = std * math.sqrt(2 * THETA - THETA**2)
        super().__init__(np.zeros(2), np.array([0.0, sigma]), THETA, dt=1.0)
        self._fading = fading
        self._steps = 0

    def __call__(self) -> npt.NDArray[np.float64]:
        """Give the noise of the next step, (2,)."""
        noise: npt.NDArray[np.float64] = super().__call__()
        if self._fading is None:
            return noise
        left = max(0.0, 1.0 - self._steps / self._fading)
        self._steps += 1
        return left * noise
