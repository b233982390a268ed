import sys

import numpy as np
import pytest
from rliable import library, metrics

from semore_gym.results import statistics
from semore_gym.results.statistics import (
    curve,
    iqm,
    performance_profile,
    probability_of_improvement,
    verdict,
)

SCORES = np.random.default_rng(3).normal(10, 4, (5, 1))


def rliable_interval(function, scores):
    np.random.seed(0)
    values, intervals = library.get_interval_estimates({"a": scores}, function, reps=2000)
    return values["a"], *intervals["a"]


def test_iqm_is_rliables():
    expected = rliable_interval(lambda x: np.array([metrics.aggregate_iqm(x)]), SCORES[:, :, np.newaxis])
    found = iqm(SCORES)
    np.testing.assert_allclose((found.value, found.low, found.high), expected)


def test_iqm_of_a_small_table_by_hand():
    # Of 4 runs the lowest and the highest are cut; of 5, too; of 3, none.
    assert iqm([[1, 8], [2, 8], [3, 8], [10, 8]]).value.tolist() == [2.5, 8]
    assert iqm([[9], [1], [4], [2], [3]]).value == pytest.approx(3)
    assert iqm([[0], [1], [5]]).value == pytest.approx(2)


def test_the_interval_of_two_runs_by_hand():
    # Resampling 0 and 1 with replacement gives means 0, 1/2, 1 with probabilities 1/4, 1/2, 1/4.
    found = iqm([[0.0], [1.0]])
    assert (found.value, found.low, found.high) == (0.5, 0.0, 1.0)


def test_the_profile_is_rliables():
    taus = np.linspace(0, 20, 9)
    np.random.seed(0)
    values, intervals = library.create_performance_profile({"a": SCORES}, taus)
    found = performance_profile(SCORES[:, 0], taus)
    np.testing.assert_allclose(found.value, values["a"])
    np.testing.assert_allclose((found.low, found.high), intervals["a"])
    assert performance_profile([1, 2, 3, 4], [0, 2, 4]).value.tolist() == [1, 0.5, 0]


def test_the_probability_of_improvement_is_rliables():
    random = np.random.default_rng(1)
    x, y = random.integers(0, 6, (5, 3)).astype(float), random.integers(0, 6, (4, 3)).astype(float)

    def function(x, y):
        return np.array([metrics.probability_of_improvement(x, y)])

    np.random.seed(0)
    _, intervals = library.get_interval_estimates({"a": [x, y]}, function, reps=2000)
    found = probability_of_improvement(x, y)
    assert found.value == pytest.approx(metrics.probability_of_improvement(x, y))
    np.testing.assert_allclose((found.low, found.high), intervals["a"])


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


def test_draws_repeat_and_leave_numpys_generator_alone():
    state = np.random.get_state()[1].copy()
    assert (iqm(SCORES).low == iqm(SCORES).low).all()
    assert (np.random.get_state()[1] == state).all()


def test_without_rliable_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "rliable", None)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "semore-gym\[report\]"'):
        statistics.iqm(SCORES)
