"""RuleJudge against situations whose answer is plain."""

from __future__ import annotations

import math

import numpy as np
import pytest

from semore_gym.judges import JUDGES, Question, RuleJudge

INF = math.inf
STRAIGHT = {
    "time_to_collision": INF,
    "speed": 10.0,
    "heading_error": 0.0,
    "edge_left": 5.0,
    "edge_right": 2.0,
}


def verdict(steer: float, throttle: float, info: dict | None, judge: RuleJudge | None = None) -> bool | None:
    judge = judge or RuleJudge()
    judge.ask(Question(7, np.zeros((9, 4, 4), np.uint8), np.array([steer, throttle], np.float32), info))
    ((number, reasonable),) = judge.verdicts()
    assert number == 7
    assert list(judge.verdicts()) == []
    return reasonable


@pytest.mark.parametrize(
    ("throttle", "seconds", "reasonable"),
    [
        (0.5, 1.9, False),
        (0.5, 2.1, True),
        (0.0, 0.1, True),
        (-1.0, 0.1, True),
        (1.0, INF, True),
        (1e-3, 0, False),
    ],
)
def test_accelerating_into_something_close(throttle, seconds, reasonable):
    assert verdict(0.0, throttle, {"time_to_collision": seconds}) is reasonable
    assert verdict(0.0, throttle, {**STRAIGHT, "time_to_collision": seconds}) is reasonable


@pytest.mark.parametrize(
    ("steer", "changes", "reasonable"),
    [
        (1.0, {}, False),  # 3.5 m to the right within a second, at 7 m/s^2
        (-1.0, {}, True),  # 5 m of room to the left
        (-1.0, {"edge_left": 3.4}, False),
        (-1.0, {"edge_left": 3.6}, True),
        (0.5, {"edge_right": 1.7}, False),
        (0.5, {"edge_right": 1.8}, True),
        (1.0, {"speed": 2.0, "edge_right": 0.4}, False),  # 2^2 / 4.1 / 2 = 0.49 m
        (1.0, {"speed": 2.0, "edge_right": 0.6}, True),
        (0.01, {"heading_error": -20.0}, False),  # heads right: 3.4 m
        (-0.01, {"heading_error": -20.0}, True),  # heads right but steers back
        (0.0, {"heading_error": -20.0}, True),  # does not steer
        (0.01, {"edge_right": -0.5}, False),  # off the road and on its way further
    ],
)
def test_steering_off_the_road(steer, changes, reasonable):
    assert verdict(steer, 0.0, {**STRAIGHT, **changes}) is reasonable


def test_left_and_right_are_mirror_images():
    rng = np.random.default_rng(0)
    answers = []
    for _ in range(300):
        steer, heading = rng.uniform(-0.3, 0.3), rng.uniform(-20, 20)
        left, right, speed = rng.uniform(0, 4), rng.uniform(0, 4), rng.uniform(0, 30)
        info = {"speed": speed, "heading_error": heading, "edge_left": left, "edge_right": right}
        mirror = {"speed": speed, "heading_error": -heading, "edge_left": right, "edge_right": left}
        answers.append(verdict(steer, 0.0, info))
        assert verdict(-steer, 0.0, mirror) is answers[-1]
    assert 50 < sum(answers) < 250


def test_what_is_not_known():
    assert verdict(1.0, 1.0, None) is True
    assert verdict(1.0, 1.0, {"backend": "embedded"}) is None
    assert verdict(1.0, 1.0, {"time_to_collision": INF}) is True


def test_arguments():
    assert verdict(0.0, 1.0, {"time_to_collision": 2.5}, RuleJudge(min_time=3.0)) is False
    with pytest.raises(ValueError, match="horizon must be a positive number, got -1"):
        RuleJudge(horizon=-1)


def test_its_name():
    assert verdict(0.0, -1.0, STRAIGHT, JUDGES.load("rule")()) is True
