"""Statistics of a set of episodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

RESAMPLES = 2000
CONFIDENCE = 0.95


class Metric(NamedTuple):
    """One quantity over a set of episodes, in the quantity's unit."""

    mean: float
    std: float  # of the episodes, with their number as the divisor
    iqm: float  # interquartile mean
    low: float  # of the interquartile mean's 95% bootstrap interval
    high: float
    mean_low: float  # of the mean's 95% bootstrap interval
    mean_high: float
    size: int  # how many values; one has neither spread nor interval


class Quantity(NamedTuple):
    """How a quantity is called and measured."""

    label: str
    unit: str

    @property
    def title(self) -> str:
        """Label and unit, for a column or an axis."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


# Those of Semore's Table 1, and the length of an episode.
QUANTITIES: Mapping[str, Quantity] = {
    "episode_reward": Quantity("episode reward", ""),
    "distance": Quantity("distance", "m"),
    "crash_intensity": Quantity("crash intensity", "N·s"),
    "average_steer": Quantity("average steer", "%"),
    "average_brake": Quantity("average brake", "%"),
    "ticks": Quantity("length", "ticks"),
    "steps": Quantity("length", "agent steps"),
}


def interquartile_mean(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Mean of the middle half: a quarter of the values, rounded down, is left out at each end.

    Args:
        values: (..., N); the mean runs over the last axis.

    Returns:
        (...) float64.
    """
    ordered = np.sort(np.asarray(values, np.float64), axis=-1)
    cut = ordered.shape[-1] // 4
    middle: npt.NDArray[np.float64] = ordered[..., cut : ordered.shape[-1] - cut].mean(axis=-1)
    return middle


def summarise(values: Sequence[float]) -> Metric:
    """Statistics of one quantity, one value an episode.

    The intervals are percentile bootstraps over the episodes, drawn with a fixed seed: the same values
    always give the same interval.

    Args:
        values: At least one.
    """
    sample = np.asarray(values, np.float64)
    drawn = np.random.default_rng(0).integers(len(sample), size=(RESAMPLES, len(sample)))
    low, high = _interval(interquartile_mean(sample[drawn]))
    mean_low, mean_high = _interval(sample[drawn].mean(axis=-1))
    iqm = float(interquartile_mean(sample))
    return Metric(float(sample.mean()), float(sample.std()), iqm, low, high, mean_low, mean_high, len(sample))


def _interval(statistics: npt.NDArray[np.float64]) -> tuple[float, float]:
    tail = (1.0 - CONFIDENCE) / 2.0
    low, high = np.quantile(statistics, [tail, 1.0 - tail])
    return float(low), float(high)
