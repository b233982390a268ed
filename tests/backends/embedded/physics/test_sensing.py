import math

import numpy as np
import pytest

from semore_gym.backends.base import Control
from semore_gym.backends.embedded.physics.sensing import Instruments, carriageway
from semore_gym.backends.embedded.roads import road
from semore_gym.scenarios.base import Actor, Cruise, Stand

CAR = "vehicle.lincoln.mkz_2020"
LENGTH, EGO_LENGTH = 4.89, 4.79  # [m]


def read(world, control=None, ticks=1):
    instruments = Instruments(world)
    for _ in range(ticks):
        world.tick(control or Control(brake=1.0))
        tick = instruments.read()
    return tick


def wheels(ego):
    """Where the wheels touch the ground, (4, 2) [m]."""
    ahead = np.array([math.cos(ego.yaw), math.sin(ego.yaw)])
    left = np.array([-ahead[1], ahead[0]])
    center = np.array([ego.x, ego.y])
    return [center + a * 2.875 / 2 * ahead + b * 1.58 / 2 * left for a in (1, -1) for b in (1, -1)]


def test_at_rest_in_the_middle_of_a_lane(make_world):
    tick = read(make_world(lane=-2, s=105.0, on="highway"))
    assert tick.lane_offset == pytest.approx(0.0, abs=1e-3)
    assert tick.heading_error == pytest.approx(0.0, abs=1e-2)
    assert tick.edge_left == pytest.approx(1.5 * 3.5, abs=1e-3)
    assert tick.edge_right == pytest.approx(2.5 * 3.5, abs=1e-3)
    assert (tick.gap, tick.time_to_collision) == (math.inf, math.inf)
    assert not tick.off_road
    assert tick.lane_invasions == 0


@pytest.mark.parametrize("on", ["street", "highway"])
def test_lane_state_agrees_with_geometry(make_world, on):
    world = make_world(on=on, lane=-1)
    instruments = Instruments(world)
    for i in range(160):
        world.tick(Control(0.05 * math.sin(i / 20), throttle=0.6))
        tick, ego = instruments.read(), world.ego
        # nearest point of the reference line by brute force
        s = np.linspace(world.users.s[-1] - 2, world.users.s[-1] + 2, 4001)
        x, y, heading = world.road.poses(s, np.zeros_like(s))
        k = int(np.argmin((x - ego.x) ** 2 + (y - ego.y) ** 2))
        along = np.array([math.cos(heading[k]), math.sin(heading[k])])
        t = float(along[0] * (ego.y - y[k]) - along[1] * (ego.x - x[k]))
        lane = next(lane for lane in world.road.lanes.values() if lane.right <= t < lane.left)
        sign = 1.0 if lane.id < 0 else -1.0
        assert tick.lane_offset == pytest.approx(sign * (t - lane.center), abs=2e-3)
        assert tick.lane_speed == pytest.approx(sign * float(along @ ego.velocity[:2]), abs=5e-3)
        turned = math.remainder(ego.yaw - heading[k] - (0.0 if sign > 0 else math.pi), math.tau)
        assert tick.heading_error == pytest.approx(math.degrees(turned), abs=0.05)


def test_each_wheel_that_comes_over_a_mark_is_an_invasion(make_world):
    world = make_world()
    instruments = Instruments(world)
    counted = expected = 0
    sides = [y > 0.0 for _, y in wheels(world.ego)]
    for _ in range(120):
        steer = -0.15 if world.ego.yaw < 0.08 else 0.1
        world.tick(Control(steer, throttle=0.3))
        now = [y > 0.0 for _, y in wheels(world.ego)]
        expected += now != sides  # the centre line is the only mark that is reached
        sides = now
        counted += instruments.read().lane_invasions
        if world.users.t[-1] > 1.5:
            break
    assert counted == expected
    assert 2 <= counted <= 4


def test_against_the_lane_speed_is_negative(make_world):
    world = make_world()
    instruments = Instruments(world)
    while world.users.t[-1] < 0.5:
        world.tick(Control(-0.1, throttle=0.3))
    tick = instruments.read()
    assert tick.lane_speed < -1.0
    assert abs(tick.heading_error) > 150.0


def test_beyond_the_drivable_lanes_is_off_road(make_world):
    world = make_world()
    instruments = Instruments(world)
    for _ in range(200):
        world.tick(Control(0.1, throttle=0.3))
        tick = instruments.read()
        assert tick.off_road == (world.users.t[-1] < -4.0)
        assert tick.edge_right == pytest.approx(world.users.t[-1] + 4.0)
    assert tick.off_road


def test_the_other_carriageway_does_not_count():
    highway = road("highway")
    assert [lane.id for lane in carriageway(highway, -5.0)] == [-4, -3, -2, -1]
    assert [lane.id for lane in carriageway(highway, 5.0)] == [1, 2, 3, 4]
    assert [lane.id for lane in carriageway(road("street"), -2.0)] == [-1, 1]
    with pytest.raises(ValueError, match="driving lane"):
        carriageway(highway, 0.0)


def test_gap_and_time_to_collision_to_a_standing_car(make_world):
    world = make_world(Actor(CAR, -1, 110.0, Stand()), s=10.0)
    while world.ego.speed < 10.0:
        world.tick(Control(throttle=0.5))
    tick = read(world, Control(throttle=0.1))
    gap = 110.0 - world.users.s[-1] - (LENGTH + EGO_LENGTH) / 2
    assert tick.gap == pytest.approx(gap, abs=1e-6)
    assert tick.time_to_collision == pytest.approx(gap / tick.lane_speed, rel=1e-3)


@pytest.mark.parametrize(
    ("actor", "counts"),
    [
        (Actor(CAR, -1, 60.0, Cruise(3.0)), True),
        (Actor(CAR, 1, 60.0, Stand()), False),
        (Actor(CAR, -2, 60.0, Stand()), False),
        (Actor(CAR, -2, 60.0, Stand(), offset=1.5), True),
        (Actor("walker.pedestrian.0001", -1, 60.0, Stand()), True),
        (Actor("vehicle.bh.crossbike", -1, 60.0, Cruise(4.0), offset=-0.5), True),
        (Actor(CAR, -1, 165.5, Stand()), False),
        (Actor(CAR, -1, 2.0, Stand()), False),
    ],
)
def test_what_counts_as_ahead(make_world, actor, counts):
    tick = read(make_world(actor, s=10.0))
    assert math.isfinite(tick.gap) == counts


def test_a_leader_who_drives_away_is_no_danger(make_world):
    tick = read(make_world(Actor(CAR, -1, 60.0, Cruise(5.0)), s=10.0))
    assert math.isfinite(tick.gap)
    assert tick.time_to_collision == math.inf


def test_gap_in_a_bend_is_measured_along_the_lane(make_world):
    world = make_world(Actor(CAR, -4, 460.0, Stand()), lane=-4, s=430.0, on="highway")
    tick = read(world)
    middle = [world.road.pose(s, world.users.t[-1])[:2] for s in np.linspace(430.0, 460.0, 301)]
    arc = np.linalg.norm(np.diff(middle, axis=0), axis=1).sum()
    assert tick.gap == pytest.approx(arc - (LENGTH + EGO_LENGTH) / 2, rel=0.01)
