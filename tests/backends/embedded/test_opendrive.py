"""CARLA's own map library reads the roads back: same lanes, widths, lengths and places."""

import math

import numpy as np
import pytest

from semore_gym.backends.embedded.opendrive import ROAD_IDS, opendrive
from semore_gym.backends.embedded.roads import road

carla = pytest.importorskip("carla", reason="the carla client has no wheel for this Python or platform")

CENTIMETRE = 0.01  # [m]


@pytest.fixture(scope="module", params=sorted(ROAD_IDS))
def both(request):
    ours = road(request.param)
    return ours, carla.Map(ours.name, opendrive(ours))


def road_id(ours, lane):
    return ROAD_IDS[ours.name][0 if lane < 0 else 1]


def driving(ours):
    return [lane for lane in ours.lanes.values() if lane.kind == "driving"]


def test_every_driving_lane_lies_where_ours_does(both):
    ours, theirs = both
    for lane in driving(ours):
        for s in np.linspace(0.5, ours.length - 0.5, 400):
            waypoint = theirs.get_waypoint_xodr(road_id(ours, lane.id), lane.id, float(s))
            x, y, heading = ours.pose(s, lane.center)
            place = waypoint.transform.location
            assert math.hypot(place.x - x, -place.y - y) < CENTIMETRE, (lane.id, s)
            yaw = math.radians(-waypoint.transform.rotation.yaw) - heading
            yaw -= 0.0 if ours.direction(lane.id) == 1 else math.pi
            assert abs(math.remainder(yaw, math.tau)) < 1e-3
            assert waypoint.lane_width == pytest.approx(lane.left - lane.right, abs=1e-4)
            assert waypoint.s == pytest.approx(s, abs=1e-3)


def test_other_lanes_keep_their_ids_and_kinds(both):
    ours, theirs = both
    for lane in ours.lanes.values():
        if lane.id:
            waypoint = theirs.get_waypoint_xodr(road_id(ours, lane.id), lane.id, 50.0)
            assert waypoint.lane_type == getattr(carla.LaneType, lane.kind.capitalize())


def test_roads_are_as_long_as_ours(both):
    ours, theirs = both
    id = road_id(ours, -1)
    assert theirs.get_waypoint_xodr(id, -1, ours.length - 0.01) is not None
    assert theirs.get_waypoint_xodr(id, -1, ours.length + 0.01) is None


def test_a_point_finds_its_lane_again(both):
    ours, theirs = both
    rng = np.random.default_rng(0)
    for lane in driving(ours):
        for s in rng.uniform(5.0, ours.length - 5.0, 40):
            x, y, _ = ours.pose(s, lane.center + rng.uniform(-1.5, 1.5))
            found = theirs.get_waypoint(carla.Location(x, -y, 0.0))
            assert (found.road_id, found.lane_id) == (road_id(ours, lane.id), lane.id)
            assert found.s == pytest.approx(s, abs=0.5)  # its search is that coarse


def test_lanes_may_be_changed_within_a_direction_only(both):
    ours, theirs = both
    lanes = sorted(lane.id for lane in driving(ours) if lane.id < 0)
    outer, inner = (
        theirs.get_waypoint_xodr(road_id(ours, -1), lanes[0], 50.0),
        theirs.get_waypoint_xodr(road_id(ours, -1), lanes[-1], 50.0),
    )
    assert not outer.lane_change & carla.LaneChange.Right
    if len(lanes) > 1:
        assert outer.lane_change & carla.LaneChange.Left
        assert not inner.lane_change & carla.LaneChange.Left
