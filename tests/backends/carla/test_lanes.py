"""Where things are on maps that CARLA's own library reads, and people who cross the road there."""

import numpy as np
import pytest

from semore_gym.backends.embedded.opendrive import opendrive
from semore_gym.backends.embedded.roads import road
from semore_gym.scenarios import SCENARIOS
from semore_gym.scenarios.base import Cross

pytest.importorskip("carla", reason="the carla client has no wheel for this Python or platform")

import carla

from semore_gym.backends.carla.lanes import LanePath, is_off_road, lane_pose
from semore_gym.backends.carla.route import carriageway
from semore_gym.backends.carla.walkers import Crossing

STREET = opendrive(road("street"))


def episode():
    return SCENARIOS.load("JayWalk")().episode(np.random.default_rng(0))


def test_the_path_ends_where_the_map_does():
    path = LanePath(carla.Map("street", STREET.replace('length="3000.0"', 'length="224.25"')), episode())
    assert path.pose(-1, 224.0) is not None
    assert path.pose(-1, 225.0) is None
    assert path.pose(-1, -1.0) is None


@pytest.mark.parametrize(("junction", "room"), [("-1", 0.0), ("1", 2.0)])
def test_the_ground_beside_a_junctions_lanes_is_road(junction, room):
    text = STREET.replace('junction="-1"', f'junction="{junction}"')
    if junction != "-1":
        text = text.replace("</OpenDRIVE>", f'<junction id="{junction}" name="crossing" /></OpenDRIVE>')
    street = carla.Map("street", text)
    middle = street.get_waypoint_xodr(12, -1, 50.0).transform
    for aside, off in ((0.0, False), (1.9 + room, False), (2.1 + room, True)):
        place = carla.Transform(middle.location + middle.get_right_vector() * aside, middle.rotation)
        lane = lane_pose(street, place)
        left, right = carriageway(lane.waypoint)
        assert is_off_road(lane.waypoint, (left - lane.offset, right + lane.offset)) is off


def test_a_walker_who_is_placed_anew_stops():
    far = carla.Transform(carla.Location(x=500.0))
    kerb = carla.Transform(carla.Location())  # heading along x, so that the road is towards negative y
    crossing = Crossing(Cross(speed=2.0, probability=1.0), 10.0, np.random.default_rng(0), dt=0.05)
    crossing.place(kerb)
    assert crossing.step(kerb.location, far).speed == 0.0
    moves = [crossing.step(kerb.location, far) for _ in range(40)]
    started = [control for control in moves if control is not None]
    assert [(control.speed, control.direction.y) for control in started] == [(2.0, pytest.approx(-1.0))]
    there = carla.Location(y=-4.0)
    assert crossing.step(there, far) is None  # it walks on
    crossing.place(kerb)
    assert crossing.step(kerb.location, far).speed == 0.0
