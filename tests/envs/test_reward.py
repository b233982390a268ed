from dataclasses import replace

import pytest

from semore_gym.backends.base import Control, Tick
from semore_gym.envs.reward import REWARDS

TICK = Tick(
    frame=7,
    speed=12.0,
    lane_speed=10.0,
    yaw=3.0,
    lane_offset=-0.5,
    heading_error=2.0,
    lane_invasions=2,
    impulse=300.0,
    contact=True,
    person_hit_speed=0.0,
    off_road=False,
    edge_left=2.0,
    edge_right=3.0,
    gap=20.0,
    time_to_collision=4.0,
)


def reward(name: str, control: Control, tick: Tick = TICK) -> float:
    return sum(REWARDS[name](tick, control, 0.05).values())


def test_highway_is_erpv_equation_15():
    assert reward("highway", Control(steer=-0.25)) == pytest.approx(10 * 0.05 - 1e-4 * 300 - 0.25)


def test_jaywalk_is_erpv_equation_16():
    assert reward("jaywalk", Control(steer=0.5)) == pytest.approx(0.5 - 1e-3 * 300 - 1e-2 * 2 - 0.1 * 0.5)


def test_dbc_is_zhang_2020():
    control = Control(steer=-0.5, brake=0.2)
    assert reward("dbc", control) == pytest.approx(0.5 / 1.5 - 1.0 - 0.1 * 0.2 - 0.1 * 0.5)


def test_driving_against_the_lane_costs():
    assert reward("highway", Control(), replace(TICK, lane_speed=-10.0, impulse=0.0)) == pytest.approx(-0.5)
