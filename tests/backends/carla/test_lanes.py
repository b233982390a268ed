"""Where things are on maps that CARLA's own library reads, and people who cross the road there."""

import numpy as np
import pytest

from semore_gym.backends.embedded.opendrive import opendrive
from semore_gym.backends.embedded.roads import road
from semore_gym.scenarios import SCENARIOS
from semore_gym.scenarios.base import Cross

pytest.importorskip("carla", reason="the carla client has no wheel for this Python or platform")

import carla

from semore_gym.backends.carla.lanes import LanePath, carriageway, is_off_road, lane_pose
from semore_gym.backends.carla.walkers import Crossing

STREET = opendrive(road("street"))


def episode():
    return SCENARIOS.load("JayWalk")().episode(np.random.default_rng(0))


def test_the_path_counts_on_beyond_the_scenarios_road():
    here, elsewhere = carla.Map("street", STREET), carla.Map("street", STREET.replace('id="12"', 'id="9"'))
    path = LanePath(here, episode())
    assert path.follow(20.0, here.get_waypoint_xodr(12, -1, 50.0), 0.5) == pytest.approx(50.0, abs=1e-3)
    assert path.follow(200.0, elsewhere.get_waypoint_xodr(9, -1, 3.0), 0.5) == 200.5


def test_nobody_starts_past_the_roads_end():
    town01 = carla.Map("street", STREET.replace('length="3000.0"', 'length="224.25"'))
    crowd = SCENARIOS.load("JayWalk")(walkers=(30, 30)).episode(np.random.default_rng(0))
    path = LanePath(town01, crowd)
    places = [(spec.lane, path.on_road(spec.s), spec.s) for spec in crowd.actors]
    assert all(0.0 < place < 224.25 for _, place, _ in places)
    assert all(place == s for _, place, s in places if s < 224.0)
    assert any(s > 230.0 for _, _, s in places)
    for lane in (-3, 3):
        along = sorted(place for other, place, _ in places if other == lane)
        assert min(np.diff(along)) > 0.4  # nobody in anybody else


@pytest.mark.parametrize(("junction", "expected"), [("-1", True), ("1", False)])
def test_the_ground_between_a_junctions_lanes_is_road(junction, expected):
    text = STREET.replace('junction="-1"', f'junction="{junction}"')
    if junction != "-1":
        text = text.replace("</OpenDRIVE>", f'<junction id="{junction}" name="crossing" /></OpenDRIVE>')
    street = carla.Map("street", text)
    middle = street.get_waypoint_xodr(12, -1, 50.0).transform
    for aside, off in ((0.0, False), (4.0, expected)):
        lane = lane_pose(street, middle.location + middle.get_right_vector() * aside)
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
