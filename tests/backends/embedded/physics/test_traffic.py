import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semore_gym.backends.base import Control
from semore_gym.backends.embedded.physics.traffic import idm
from semore_gym.backends.embedded.physics.world import World
from semore_gym.backends.embedded.roads import road
from semore_gym.scenarios import SCENARIOS
from semore_gym.scenarios.base import Actor, Cruise, Stand

CAR = "vehicle.lincoln.mkz_2020"
LENGTH = 4.89  # [m]


def car(lane, s, speed, **kwargs):
    return Actor(CAR, lane, s, Cruise(speed, **kwargs))


def run(world, ticks, control=None):
    for _ in range(ticks):
        world.tick(control or Control(brake=1.0))


@given(
    v=st.floats(0, 40),
    v0=st.floats(5, 40),
    gap=st.floats(0.5, 200),
    dv=st.floats(-20, 20),
    s0=st.floats(1, 5),
)
def test_idm_is_the_published_formula(v, v0, gap, dv, s0):
    a, b, headway = 1.5, 2.0, 1.0
    star = s0 + max(0.0, v * headway + v * dv / (2 * math.sqrt(a * b)))
    expected = a * (1 - (v / v0) ** 4 - (star / gap) ** 2)
    assert float(idm(v, v0, gap, dv, s0)) == pytest.approx(max(expected, -8.0))


def test_a_free_car_reaches_its_speed_and_keeps_it(make_world):
    world = make_world(car(-2, 200.0, 12.0), on="highway")
    run(world, 200)
    assert world.users.along[0] == pytest.approx(12.0, abs=1e-6)
    assert world.users.s[0] == pytest.approx(200.0 + 120.0, abs=0.5)


def test_in_a_bend_the_outer_car_falls_behind(make_world):
    # the highway bends to the left: the right lane is the longer way
    world = make_world(car(-1, 350.0, 15.0), car(-4, 350.0, 15.0), on="highway")
    run(world, 200)
    turned = world.road.pose(world.users.s[0])[2] - world.road.pose(350.0)[2]
    expected = turned * 10.5  # three lanes of 3.5 m
    assert turned > 0.05
    assert world.users.s[0] - world.users.s[1] == pytest.approx(expected, rel=0.1)


def test_a_follower_keeps_the_equilibrium_gap(make_world):
    # v = 8 < v0: the gap solves 1 - (v/v0)^4 - (s0 + v T)^2 / s^2 = 0
    world = make_world(car(-2, 260.0, 8.0), car(-2, 230.0, 14.0), on="highway")
    run(world, 900)
    assert world.users.along[1] == pytest.approx(8.0, abs=0.05)
    expected = (2.0 + 8.0) / math.sqrt(1 - (8 / 14) ** 4)
    assert world.users.gap[1] == pytest.approx(expected, rel=0.05)


def test_a_follower_stops_behind_a_standing_car(make_world):
    world = make_world(Actor(CAR, -2, 300.0, Stand()), car(-2, 200.0, 14.0), on="highway")
    run(world, 600)
    assert world.users.along[1] < 0.05
    assert 1.5 < world.users.gap[1] < 3.0
    assert not world.users.free.any()


def test_traffic_stops_behind_the_ego(make_world):
    world = make_world(car(-2, 20.0, 15.0), lane=-2, s=110.0, on="highway")
    run(world, 500)
    assert world.users.along[0] < 0.05
    assert 0.0 < 110.0 - world.users.s[0] - LENGTH < 5.0
    assert not world.contact


def test_a_blocked_driver_changes_to_a_free_lane_and_passes(make_world):
    world = make_world(car(-2, 260.0, 6.0), car(-2, 230.0, 15.0, lane_changes=True), on="highway")
    run(world, 500)
    assert abs(world.users.t[1] - world.users.t[0]) == pytest.approx(3.5, abs=0.05)
    assert world.users.s[1] > world.users.s[0]
    assert world.users.along[1] == pytest.approx(15.0, abs=0.1)


def test_nobody_changes_lane_who_may_not(make_world):
    world = make_world(car(-2, 260.0, 6.0), car(-2, 230.0, 15.0), on="highway")
    run(world, 300)
    assert world.users.t[1] == world.users.t[0]


def test_nobody_changes_into_an_occupied_lane(make_world):
    beside = [car(lane, s, 6.0) for lane in (-1, -3) for s in np.arange(220.0, 300.0, 12.0)]
    world = make_world(car(-2, 260.0, 6.0), car(-2, 240.0, 15.0, lane_changes=True), *beside, on="highway")
    run(world, 200)
    assert world.users.t[1] == world.users.t[0]


def test_fast_cars_slow_down_in_bends(make_world):
    world = make_world(car(-2, 300.0, 40.0), on="highway")
    lateral = []
    for _ in range(900):
        run(world, 1)
        lateral.append(world.users.along[0] ** 2 * abs(world.road.curvature(world.users.s[0])))
    assert np.percentile(lateral, 90) < 4.5  # 3.5 is comfortable; at 40 m/s it would be above 6


def overlaps(users):
    close = np.abs(users.s[:, None] - users.s) < users.half_length[:, None] + users.half_length
    beside = np.abs(users.t[:, None] - users.t) < users.half_width[:, None] + users.half_width
    return int((close & beside).sum()) - len(users.s)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("HighWay", {}),
        ("HighWay", {"vehicles": 30}),
        ("HighWay", {"vehicles": 1}),
        ("HighWay", {"speed_change": (0.3, 0.6)}),
        ("JayWalk", {}),
        ("JayWalk", {"walkers": (20, 20), "parked": 10}),
        ("HighBeam", {"oncoming": 10}),
    ],
)
@pytest.mark.parametrize("throttle", [0.06, 0.25])
def test_for_1000_ticks_the_road_is_neither_empty_nor_jumbled(name, options, throttle):
    scenario = SCENARIOS.load(name)(**options)
    for seed in range(2):
        world = World(scenario.episode(np.random.default_rng(seed)), road(scenario.location.embedded))
        users, specs = world.users, world.users.specs
        nearest = np.array([spec.respawn.ahead[0] for spec in specs])
        farthest = np.array([spec.respawn.ahead[1] for spec in specs])
        empty = 0
        for _ in range(1000):
            before, here = users.s[:-1].copy(), users.s[-1]
            world.tick(Control(throttle=throttle if world.ego.speed < 40 * throttle else 0.0))
            placed = np.abs(users.s[:-1] - before) > 5.0
            distance = users.s[:-1] - here
            assert (distance[placed] > nearest[placed] - 1.0).all()
            assert (distance[placed] < farthest[placed] + 2.0).all()
            if not users.free.any() and not world.contact:
                assert overlaps(users) == 0
            empty += not ((distance > 0.0) & (distance < farthest.max() + 15.0)).any()
        assert empty == 0
        world.close()
