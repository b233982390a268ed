"""What a set of episodes, or a few training seeds, allow to say: estimates with their intervals.

As in rliable (Agarwal et al., "Deep Reinforcement Learning at the Edge of the Statistical Precipice", 2021).
A run is one training seed; its score is its mean over the evaluation's episodes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from semore_gym.results.metrics import rounded

Array = npt.NDArray[np.float64]

RESAMPLES = 2000
CONFIDENCE = 0.95
FEWEST_RUNS = 4  # of either side of a verdict: with 3 against 3, not even a rank test gets below p = 0.1


class Summary(NamedTuple):
    """One metric over a set of episodes, in the metric's unit."""

    mean: float
    std: float  # standard deviation, with the number of values as the divisor
    iqm: float  # interquartile mean
    low: float  # lower end of the interquartile mean's 95% bootstrap interval
    high: float
    mean_low: float  # lower end of the mean's 95% bootstrap interval
    mean_high: float
    size: int  # how many values; one has neither spread nor interval

    def texts(self, digits: int = 2) -> tuple[str, str]:
        """Mean ± deviation, and the interquartile mean with its interval; one value itself, and nothing."""
        mean, std, iqm, low, high = (rounded(value, digits) for value in self[:5])
        return (mean, "") if self.size == 1 else (f"{mean} ± {std}", f"{iqm} [{low}, {high}]")


@dataclass(frozen=True)
class Estimate:
    """Values and their 95% intervals from a stratified bootstrap over runs.

    Args:
        value: (K,) float64.
        low: (K,) float64; NaN where there is but one run, which has no interval.
        high: (K,) float64, as `low`.
        runs: The fewest runs that any side has.
    """

    value: Array
    low: Array
    high: Array
    runs: int

    @property
    def has_interval(self) -> bool:
        """Whether there were two runs at least."""
        return self.runs > 1


def interquartile_mean(values: npt.ArrayLike) -> Array:
    """Mean of the middle half: a quarter of the values, rounded down, is left out at each end.

    Args:
        values: (..., N); the mean runs over the last axis.

    Returns:
        (...) float64.
    """
    ordered = np.sort(np.asarray(values, np.float64), axis=-1)
    cut = ordered.shape[-1] // 4
    middle: Array = ordered[..., cut : ordered.shape[-1] - cut].mean(axis=-1)
    return middle


def summarise(values: Sequence[float], seed: int = 0) -> Summary:
    """Statistics of one metric, with intervals from a bootstrap over the episodes.

    Args:
        values: One an episode, at least one.
        seed: Of the bootstrap's draws: the same values and seed always give the same intervals.
    """
    sample = np.asarray(values, np.float64)

    def middles(x: Array) -> Array:
        return np.stack([interquartile_mean(x[..., 0]), x[..., 0].mean(axis=-1)], axis=-1)

    (low, mean_low), (high, mean_high) = _interval(middles, sample[:, np.newaxis], seed=seed).tolist()
    iqm, mean = middles(sample[:, np.newaxis]).tolist()
    return Summary(mean, float(sample.std()), iqm, low, high, mean_low, mean_high, len(sample))


def iqm(scores: npt.ArrayLike, seed: int = 0) -> Estimate:
    """Interquartile means over runs.

    Args:
        scores: (runs,) or (runs, K) float; each of the K columns, for example points of a learning curve, is
            a quantity of its own.
        seed: Of the bootstrap's draws.

    Example:
        >>> from semore_gym.results.statistics import iqm
        >>> iqm([1.0, 2.0, 3.0, 10.0]).value
        array([2.5])
    """
    runs = np.asarray(scores, np.float64)
    columns = runs.reshape(len(runs), 1, -1)
    return _estimate(lambda x: interquartile_mean(x[..., 0, :].swapaxes(-1, -2)), columns, seed=seed)


def performance_profile(scores: npt.ArrayLike, thresholds: npt.ArrayLike, seed: int = 0) -> Estimate:
    """Share of runs whose score exceeds each threshold.

    Args:
        scores: (runs,) float.
        thresholds: (K,) float.
        seed: Of the bootstrap's draws.
    """
    runs = np.asarray(scores, np.float64)[:, np.newaxis, np.newaxis]
    above = (runs > np.asarray(thresholds, np.float64)).astype(np.float64)
    return _estimate(lambda x: x.mean(axis=(-3, -2)), above, seed=seed)


def probability_of_improvement(x: npt.ArrayLike, y: npt.ArrayLike, seed: int = 0) -> Estimate:
    """Probability that a run of X scores above a run of Y, averaged over tasks; ties count half.

    Args:
        x: (runs of X, tasks) float.
        y: (runs of Y, tasks) float; the runs may differ in number from X's, the tasks not.
        seed: Of the bootstrap's draws.

    Returns:
        One value, K = 1.
    """

    def share_above(x: Array, y: Array) -> Array:
        difference = x[..., :, np.newaxis, :] - y[..., np.newaxis, :, :]
        share: Array = (np.sign(difference).mean(axis=(-3, -2, -1)) + 1.0) / 2.0
        return share[..., np.newaxis]

    return _estimate(share_above, np.asarray(x, np.float64), np.asarray(y, np.float64), seed=seed)


def verdict(improvement: Estimate) -> str:
    """What a probability of improvement of X over Y allows to say.

    Returns:
        "better" or "worse" if the whole interval lies on one side of a half and X and Y have four runs each
        at least; "too few seeds" or "not decided" otherwise.
    """
    if improvement.runs < FEWEST_RUNS:
        return "too few seeds"
    if improvement.low[0] > 0.5:
        return "better"
    return "worse" if improvement.high[0] < 0.5 else "not decided"


def curve(runs: Sequence[tuple[npt.ArrayLike, npt.ArrayLike]], seed: int = 0) -> tuple[Array, Estimate]:
    """Sample efficiency: the interquartile mean over runs in the course of training.

    Evaluations wait for the end of an episode, so no two runs have them at the same steps: each run's scores
    are interpolated linearly, on the stretch that all runs have.

    Args:
        runs: For each run its agent steps (increasing) and its scores there, of the same length.
        seed: Of the bootstrap's draws.

    Returns:
        (K,) agent steps, and the estimate there.
    """
    steps = [np.asarray(run[0], np.float64) for run in runs]
    grid = np.unique(np.concatenate(steps))
    grid = grid[(grid >= max(own[0] for own in steps)) & (grid <= min(own[-1] for own in steps))]
    scores = [np.asarray(run[1], np.float64) for run in runs]
    return grid, iqm([np.interp(grid, *own) for own in zip(steps, scores, strict=True)], seed)


def _estimate(statistic: Callable[..., Array], *samples: Array, seed: int) -> Estimate:
    """A statistic of samples (runs, tasks, ...) with its interval.

    Args:
        statistic: (K,) of the samples, and (draws, K) of such with a leading axis of draws.
        samples: One a method.
        seed: Of the draws.
    """
    value, runs = statistic(*samples), min(map(len, samples))
    if runs == 1:
        nothing = np.full_like(value, np.nan)
        return Estimate(value, nothing, nothing, runs)
    low, high = _interval(statistic, *samples, seed=seed)
    return Estimate(value, low, high, runs)


def _interval(statistic: Callable[..., Array], *samples: Array, seed: int) -> Array:
    """Ends (2, K) of a statistic's percentile interval."""
    rng = np.random.default_rng(seed)
    draws = statistic(*(_resampled(sample, rng) for sample in samples))
    tail = (1.0 - CONFIDENCE) / 2.0
    ends: Array = np.quantile(draws, [tail, 1.0 - tail], axis=0)
    return ends


def _resampled(sample: Array, rng: np.random.Generator) -> Array:
    """Draw runs with replacement, for each task by itself: (draws, runs, tasks, ...)."""
    drawn = rng.integers(len(sample), size=(RESAMPLES, *sample.shape[:2]))
    return sample[drawn, np.arange(sample.shape[1])]
