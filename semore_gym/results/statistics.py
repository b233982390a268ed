"""What a few training seeds allow to say: rliable's estimates, never without their intervals.

Reference: Agarwal et al., "Deep Reinforcement Learning at the Edge of the Statistical Precipice", 2021.
A run is one training seed; its score is its mean over the evaluation's episodes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from semore_gym.results.metrics import RESAMPLES, interquartile_mean

Array = npt.NDArray[np.float64]

FEWEST_RUNS = 4  # of either side of a verdict: with 3 against 3, not even a rank test gets below p = 0.1


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


def iqm(scores: npt.ArrayLike) -> Estimate:
    """Interquartile means over runs.

    Args:
        scores: (runs, K) float; each of the K columns, for example metrics or points of a learning curve, is
            a quantity of its own.

    Example:
        >>> from semore_gym.results.statistics import iqm
        >>> iqm([[1.0], [2.0], [3.0], [10.0]]).value
        array([2.5])
    """
    columns = np.asarray(scores, np.float64)
    return _bootstrap(lambda x: interquartile_mean(x[:, 0].T), columns[:, np.newaxis])


def performance_profile(scores: npt.ArrayLike, thresholds: npt.ArrayLike) -> Estimate:
    """Share of runs whose score exceeds each threshold.

    Args:
        scores: (runs,) float.
        thresholds: (K,) float.
    """
    taus = np.asarray(thresholds, np.float64)
    runs = np.asarray(scores, np.float64)[:, np.newaxis]
    return _bootstrap(lambda x: (x[..., np.newaxis] > taus).mean(axis=(0, 1)), runs)


def probability_of_improvement(x: npt.ArrayLike, y: npt.ArrayLike) -> Estimate:
    """Probability that a run of X scores above a run of Y, averaged over tasks; ties count half.

    Args:
        x: (runs of X, tasks) float.
        y: (runs of Y, tasks) float; the runs may differ in number from X's, the tasks not.

    Returns:
        One value, K = 1.
    """
    return _bootstrap(_share_above, np.asarray(x, np.float64), np.asarray(y, np.float64))


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


def curve(runs: Sequence[tuple[npt.ArrayLike, npt.ArrayLike]]) -> tuple[Array, Estimate]:
    """Sample efficiency: the interquartile mean over runs in the course of training.

    Evaluations wait for the end of an episode, so no two runs have them at the same steps: each run's scores
    are interpolated linearly, on the stretch that all runs have.

    Args:
        runs: For each run its agent steps (increasing) and its scores there, of the same length.

    Returns:
        (K,) agent steps, and the estimate there.
    """
    steps = [np.asarray(run[0], np.float64) for run in runs]
    grid = np.unique(np.concatenate(steps))
    grid = grid[(grid >= max(own[0] for own in steps)) & (grid <= min(own[-1] for own in steps))]
    scores = [np.asarray(run[1], np.float64) for run in runs]
    return grid, iqm([np.interp(grid, *own) for own in zip(steps, scores, strict=True)])


def _share_above(x: Array, y: Array) -> Array:
    """P(X > Y) + P(X = Y) / 2: U / (n m) of a rank test, whose p-value rliable's own computes in vain."""
    difference = x[:, np.newaxis] - y[np.newaxis]
    return np.array([(np.sign(difference).mean() + 1.0) / 2.0])


def _bootstrap(statistic: Callable[..., Array], *scores: Array) -> Estimate:
    """Let rliable resample runs within tasks; scores: (runs, tasks, ...) each."""
    value = statistic(*scores)
    runs = min(len(sample) for sample in scores)
    if runs == 1:
        nothing = np.full_like(value, np.nan)
        return Estimate(value, nothing, nothing, runs)
    library = _rliable()
    with _same_draws():
        _, intervals = library.get_interval_estimates(
            {"": scores[0] if len(scores) == 1 else list(scores)}, statistic, reps=RESAMPLES
        )
    low, high = intervals[""]
    return Estimate(value, low, high, runs)


@contextmanager
def _same_draws() -> Iterator[None]:
    """Seed numpy's global generator, which rliable draws from, and put it back afterwards."""
    state = np.random.get_state()
    np.random.seed(0)
    try:
        yield
    finally:
        np.random.set_state(state)


def _rliable() -> Any:
    try:
        from rliable import library  # type: ignore[import-untyped]
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f'statistics need {error.name}: pip install "semore-gym[report]"', name=error.name
        ) from error
    return library
