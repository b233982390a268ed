import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semore_gym.backends.embedded.roads import Bend, Lane, Road, road


@pytest.mark.parametrize("name", ["street", "highway"])
@given(s=st.floats(1.0, 2900.0), t=st.floats(-15.0, 15.0), off=st.floats(-10.0, 10.0))
def test_locate_finds_what_pose_placed(name, s, t, off):
    x, y, _ = road(name).pose(s, t)
    found = road(name).locate(x, y, near=s + off)
    assert found == pytest.approx((s, t), abs=2e-3)


@pytest.mark.parametrize("name", ["street", "highway"])
def test_poses_and_curvatures_agree_with_the_single_ones(name):
    rng = np.random.default_rng(0)
    s, t = rng.uniform(0, road(name).length, 50), rng.uniform(-10, 10, 50)
    many = np.array(road(name).poses(s, t))
    single = np.array([road(name).pose(*place) for place in zip(s, t, strict=True)]).T
    np.testing.assert_allclose(many, single, atol=1e-9)
    curvatures = [road(name).curvature(place) for place in s]
    np.testing.assert_allclose(road(name).curvatures(s), curvatures, atol=1e-12)


def test_a_bend_is_a_circle():
    radius = 100.0
    bend = Road("bend", (Bend(300.0, 1 / radius, 1 / radius),), (Lane(-1, "driving", -4.0, 0.0),), 10.0)
    for s in np.linspace(0.0, 300.0, 31):
        x, y, heading = bend.pose(s)
        assert math.hypot(x, y - radius) == pytest.approx(radius, abs=2e-3)
        assert heading == pytest.approx(s / radius, abs=1e-6)


def test_heading_turns_by_the_curvature():
    highway = road("highway")
    for s in np.linspace(100.0, 3000.0, 59):
        turned = highway.pose(s + 1.0)[2] - highway.pose(s - 1.0)[2]
        assert turned / 2.0 == pytest.approx(highway.curvature(s), abs=3e-5)


def test_roads_are_long_enough_and_bend_both_ways():
    assert road("street").length >= 2500 + 3
    assert road("highway").length >= 2500 + 110
    curvatures = road("highway").curvatures(np.arange(0.0, road("highway").length))
    for radius in 1.0 / curvatures.max(), -1.0 / curvatures.min():
        assert 200.0 - 1e-6 <= radius <= 600.0


def test_lanes_have_the_specified_widths():
    def widths(name):
        return {lane.id: round(lane.left - lane.right, 6) for lane in road(name).lanes.values()}

    street, highway = widths("street"), widths("highway")
    assert street[-1] == street[1] == 4.0
    assert 2.0 <= street[-3] == street[3] <= 3.0
    assert all(highway[lane] == 3.5 for lane in (-4, -3, -2, -1, 1, 2, 3, 4))
    assert road("street").lane_at(-2.0).id == -1
    assert road("street").lane_at(-99.0) is None


def test_unknown_road_is_an_error_that_lists_the_known():
    with pytest.raises(ValueError, match=r"'lane'.*highway, street"):
        road("lane")
