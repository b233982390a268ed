import time

import numpy as np
import pytest
from rliable import library, metrics

from semore_gym.results.statistics import (
    curve,
    interquartile_mean,
    iqm,
    performance_profile,
    probability_of_improvement,
    summarise,
    verdict,
)

SCORES = np.random.default_rng(3).normal(10, 4, (5, 1))


def rliable_interval(function, scores):
    np.random.seed(0)
    values, intervals = library.get_interval_estimates({"a": scores}, function, reps=2000)
    return values["a"], *intervals["a"]


def close(found, low, high):
    """Whether an interval is another's, up to the noise of two bootstraps."""
    width = np.max(np.subtract(high, low))
    return np.allclose((found.low, found.high), (low, high), rtol=0, atol=0.06 * width)


@pytest.mark.parametrize("runs", [2, 3, 4, 5, 8, 13])
def test_iqm_is_rliables(runs):
    scores = np.random.default_rng(runs).normal(10, 4, (runs, 1))
    value, low, high = rliable_interval(lambda x: np.array([metrics.aggregate_iqm(x)]), scores)
    found = iqm(scores)
    np.testing.assert_allclose(found.value, value)
    assert close(found, low, high)


def test_iqm_of_a_small_table_by_hand():
    # Of 4 runs the lowest and the highest are cut; of 5, too; of 3, none.
    assert iqm([[1, 8], [2, 8], [3, 8], [10, 8]]).value.tolist() == [2.5, 8]
    assert iqm([[9], [1], [4], [2], [3]]).value == pytest.approx(3)
    assert iqm([[0], [1], [5]]).value == pytest.approx(2)


def test_the_interval_of_two_runs_by_hand():
    # Resampling 0 and 1 with replacement gives means 0, 1/2, 1 with probabilities 1/4, 1/2, 1/4.
    found = iqm([[0.0], [1.0]])
    assert (found.value, found.low, found.high) == (0.5, 0.0, 1.0)


@pytest.mark.parametrize("runs", [2, 5, 60])
def test_the_profile_is_rliables(runs):
    scores = np.random.default_rng(5).normal(10, 4, (runs, 1))
    taus = np.linspace(0, 20, 9)
    np.random.seed(0)
    values, intervals = library.create_performance_profile({"a": scores}, taus)
    found = performance_profile(scores[:, 0], taus)
    np.testing.assert_allclose(found.value, values["a"])
    # Shares are multiples of 1 / runs: an end that falls between two may be either.
    assert np.abs(np.subtract((found.low, found.high), intervals["a"])).max() < 1.01 / runs
    assert (found.low <= found.value).all()
    assert (found.value <= found.high).all()
    assert performance_profile([1, 2, 3, 4], [0, 2, 4]).value.tolist() == [1, 0.5, 0]


@pytest.mark.parametrize("tasks", [1, 3])
def test_the_probability_of_improvement_is_rliables(tasks):
    random = np.random.default_rng(1)
    x, y = (random.integers(0, 6, (runs, tasks)).astype(float) for runs in (5, 4))

    def average(x, y):
        return np.array([metrics.probability_of_improvement(x, y)])

    value, low, high = rliable_interval(average, [x, y])
    found = probability_of_improvement(x, y)
    np.testing.assert_allclose(found.value, value)
    assert close(found, low, high)


def test_the_probability_of_improvement_by_hand():
    # (5 > 1, 5 > 4, 2 > 1, 2 < 4): 3 of 4; with the second task, where all are equal, (3/4 + 1/2) / 2.
    assert probability_of_improvement([[5], [2]], [[1], [4]]).value == 0.75
    assert probability_of_improvement([[5, 0], [2, 0]], [[1, 0], [4, 0]]).value == 0.625


def test_one_run_has_no_interval():
    found = iqm([[7.0]])
    assert found.value == 7
    assert np.isnan(found.low)
    assert not found.has_interval
    assert np.isnan(probability_of_improvement([[1.0]], [[0.0], [0.5]]).low)


def test_a_verdict_needs_runs_and_an_interval_on_one_side():
    high, low = np.array([[5.0], [6], [7], [8]]), np.array([[1.0], [2], [3], [4]])
    assert verdict(probability_of_improvement(high, low)) == "better"
    assert verdict(probability_of_improvement(low, high)) == "worse"
    assert verdict(probability_of_improvement(high, high)) == "not decided"
    assert verdict(probability_of_improvement(high[:3], low)) == "too few seeds"


def test_a_curve_is_on_the_stretch_that_all_runs_have():
    steps, found = curve([([0, 10, 30], [0, 10, 30]), ([0, 20], [100, 120])])
    assert steps.tolist() == [0, 10, 20]
    assert found.value.tolist() == [50, 60, 70]
    assert found.low.tolist() == [0, 10, 20]


def test_draws_repeat_by_seed_and_leave_numpys_generator_alone():
    state = np.random.get_state()[1].copy()
    first, again, other = (iqm(SCORES, seed=seed) for seed in (1, 1, 2))
    assert (first.low, first.high) == (again.low, again.high)
    assert (first.low, first.high) != (other.low, other.high)
    assert first.value == other.value
    assert (np.random.get_state()[1] == state).all()


def test_two_thousand_draws_take_no_time():
    x, y = np.random.default_rng(0).normal(size=(2, 20, 3))
    began = time.perf_counter()
    probability_of_improvement(x, y)
    iqm(np.zeros((5, 50)))
    assert time.perf_counter() - began < 2  # about 0.1, on a busy machine a little more


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 8, 20, 41])
def test_interquartile_mean_leaves_out_a_quarter_at_each_end(n):
    values = np.random.default_rng(n).normal(size=n)
    kept = sorted(values)[n // 4 : n - n // 4]
    assert interquartile_mean(values) == pytest.approx(sum(kept) / len(kept))


def test_outliers_do_not_move_the_interquartile_mean():
    assert summarise([1e9, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, -1e9]).iqm == 3.5


def test_mean_and_standard_deviation():
    metric = summarise([1.0, 2.0, 6.0])
    assert metric.mean == pytest.approx(3.0)
    assert metric.std == pytest.approx(np.sqrt(14 / 3))


def test_intervals_are_those_of_resampled_episodes():
    values = np.random.default_rng(3).gamma(2.0, 50.0, size=25)
    rng = np.random.default_rng(99)
    means, iqms = [], []
    for _ in range(20_000):
        drawn = sorted(rng.choice(values, size=25))
        means.append(sum(drawn) / 25)
        iqms.append(sum(drawn[6:19]) / 13)
    metric = summarise(values)
    width = np.ptp(np.percentile(means, [2.5, 97.5]))
    given = [metric.mean_low, metric.mean_high, metric.low, metric.high]
    expected = [*np.percentile(means, [2.5, 97.5]), *np.percentile(iqms, [2.5, 97.5])]
    np.testing.assert_allclose(given, expected, atol=0.06 * width)
    assert summarise(values) == metric


def test_equal_episodes_have_an_interval_of_no_width():
    assert summarise([7.0] * 20)[2:] == (*(7.0,) * 5, 20)
