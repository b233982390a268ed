"""The scenarios on the roads of CARLA's own towns: where the road goes, and where everybody is."""

import math
import time
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from helpers.carla import Server, ask
from helpers.carla_server.maps import town
from semore_gym import CarlaConfig
from semore_gym.backends.base import CameraConfig, Control
from semore_gym.backends.embedded.blueprints import BODIES, EGO
from semore_gym.backends.embedded.physics.vehicle import steer_limit
from semore_gym.scenarios import SCENARIOS
from semore_gym.scenarios.base import RoadPosition

pytest.importorskip("carla", reason="the carla client has no wheel for this Python or platform")

import carla

from semore_gym.backends.carla.backend import CarlaBackend
from semore_gym.backends.carla.driver import FULL_STEER
from semore_gym.backends.carla.lanes import LanePath
from semore_gym.backends.carla.route import Route, carriageway

TOWNS = {"JayWalk": "Town01", "HighBeam": "Town01", "HighWay": "Town04"}
CORNER = 224.25  # where road 12 of Town01 ends at another that crosses it [m]
FAR = 2200.0  # farther than anybody drives in an episode, and is placed ahead of that [m]


@pytest.fixture(scope="module")
def maps():
    return {name: carla.Map(name, town(name)) for name in ("Town01", "Town04")}


@pytest.fixture(scope="module")
def server():
    server = Server("--towns")
    yield server
    server.kill()


@pytest.fixture
def backend(server, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))  # where the client library caches maps for ever
    backend = CarlaBackend(CameraConfig(32, 32), CarlaConfig(port=server.port))
    yield backend
    backend.close()


def episode(name, seed=0, lane=-1, s=None, **options):
    drawn = SCENARIOS.load(name)(**options).episode(np.random.default_rng(seed))
    return replace(drawn, ego=RoadPosition(lane, drawn.ego.s if s is None else s))


def path_of(maps, name, lane=-1):
    return LanePath(maps[TOWNS[name]], episode(name, lane=lane))


def drive(backend, tick):
    """The scripted control for wheels that turn as the tests' server turns them."""
    control = backend.scripted_control()
    steer = control.steer * FULL_STEER / steer_limit(tick.speed)
    return backend.tick(replace(control, steer=min(max(steer, -1.0), 1.0)))


def far_from_driving(map, location):
    """From a place to the nearest edge of a driving lane [m]; negative inside of it."""
    lane = map.get_waypoint(location)
    return lane.transform.location.distance_2d(location) - lane.lane_width / 2


def turn(before, after):
    return abs(math.remainder(after.rotation.yaw - before.rotation.yaw, 360.0))


@pytest.mark.parametrize(("name", "bend"), [("JayWalk", 9.0), ("HighWay", 1.5)])
@pytest.mark.parametrize("end", [FAR, -FAR])
def test_the_path_goes_on_without_a_jump(name, bend, end, maps):
    path = path_of(maps, name)
    poses = [path.pose(-1, s) for s in np.arange(2.0, end, math.copysign(1.0, end))]
    assert None not in poses
    for before, after in pairwise(poses):
        assert before.location.distance(after.location) == pytest.approx(1.0, abs=0.3)
        assert turn(before, after) < bend


@pytest.mark.parametrize("lane", [-1, -2, -3, -4])
def test_the_path_stays_on_the_highway(lane, maps):
    path, map = path_of(maps, "HighWay", lane), maps["Town04"]
    places = [(other, s, path.pose(other, s)) for other in range(-4, 0) for s in np.arange(100.0, FAR, 10.0)]
    # the outermost lane is missing beside three exits
    assert {other for other, _, pose in places if pose is None} == {-4}
    assert sum(pose is None for _, _, pose in places) < 0.02 * len(places)
    for _, _, pose in places:
        if pose is not None:
            assert far_from_driving(map, pose.location) < -1.0
            assert sum(carriageway(map.get_waypoint(pose.location))) > 10.0


def test_looking_far_ahead_looks_every_metre_up_once(maps, monkeypatch):
    steps = []
    look_up = Route._next
    monkeypatch.setattr(Route, "_next", lambda *words: steps.append(1) or look_up(*words))
    path = path_of(maps, "JayWalk")
    start = time.perf_counter()
    there = path.pose(-1, FAR)
    assert time.perf_counter() - start < 1.0
    assert len(steps) <= FAR
    assert path.pose(-1, FAR).location.distance(there.location) == 0.0
    assert len(steps) <= FAR + 2


@pytest.mark.parametrize(("branch", "road"), [(201, 19), (209, 18)])
def test_the_path_follows_the_ego_round_either_corner(branch, road, maps):
    path, ego = path_of(maps, "JayWalk"), maps["Town01"].get_waypoint_xodr(12, -1, 200.0)
    s, counted = 200.0, []
    for _ in range(55):
        ahead = ego.next(1.0)
        ego = next((each for each in ahead if each.road_id == branch), ahead[0])
        s = path.follow(s, ego.transform, 1.0)
        counted.append(s)
    assert ego.road_id == road
    assert counted == pytest.approx(range(201, 256), abs=1.5)
    pose = path.pose(-1, s + 5.0)
    assert maps["Town01"].get_waypoint(pose.location).road_id == road
    assert pose.location.distance(ego.transform.location) == pytest.approx(5.0, abs=0.5)
    assert path.pose(3, s + 5.0) is not None


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("name", "options"),
    [("JayWalk", {}), ("JayWalk", {"walkers": (30, 30)}), ("HighBeam", {}), ("HighWay", {"vehicles": 30})],
)
def test_everybody_is_where_the_scenario_says(name, options, seed, backend, server, maps):
    placed, map = episode(name, seed, **options), maps[TOWNS[name]]
    tick = backend.reset(placed)
    assert abs(tick.lane_offset) < 0.1
    assert abs(tick.heading_error) < 1.0
    everybody = ask(server.port, "places")
    others = [(kind, carla.Location(*place)) for kind, place, _ in everybody]
    assert len(everybody) == len(placed.actors) + 1
    for kind, place in others:
        aside = far_from_driving(map, place)
        if kind.startswith("walker."):
            sidewalk = map.get_waypoint(place, lane_type=carla.LaneType.Sidewalk)
            assert sidewalk.transform.location.distance_2d(place) < sidewalk.lane_width / 2
            assert 1.0 < aside < 2.0
        elif name == "JayWalk" and kind != EGO:
            assert BODIES[kind].width / 2 <= aside < 1.5
            assert not map.get_waypoint(place).is_junction
        else:
            assert aside < -1.0
    # nobody stands in anybody else
    for i, (_, place) in enumerate(others):
        assert all(place.distance_2d(other) > 0.5 for _, other in others[:i])


@pytest.mark.parametrize(("name", "lane"), [("JayWalk", -1), ("HighWay", -1), ("HighWay", -4)])
def test_the_ego_keeps_its_lane_and_gets_on(name, lane, backend, maps):
    tick = backend.reset(replace(episode(name, lane=lane), actors=()))
    done = 0.0
    for _ in range(300):
        tick = drive(backend, tick)
        done += tick.lane_speed * backend.dt
        assert abs(tick.lane_offset) < 0.5
        assert not tick.off_road
    assert done > 120.0


def test_the_street_goes_on_round_the_corner(backend, maps, server):
    tick = backend.reset(replace(episode("JayWalk", s=190.0), actors=()))
    done, slowest = 0.0, 100.0
    for _ in range(280):
        tick = drive(backend, tick)
        done += tick.lane_speed * backend.dt
        slowest = min(slowest, tick.speed if done > 10.0 else slowest)
        assert abs(tick.lane_offset) < 0.9
        assert abs(tick.heading_error) < 30.0
        assert not tick.off_road
    assert done > 100.0
    assert 3.0 < slowest < 8.0
    ((_, place, _),) = ask(server.port, "places")
    assert maps["Town01"].get_waypoint(carla.Location(*place)).road_id == 19


def test_straight_on_at_the_corner_is_off_the_road(backend, maps, server):
    tick = backend.reset(replace(episode("JayWalk", s=200.0), actors=()))
    ticks = 0
    while not tick.off_road:
        tick, ticks = backend.tick(Control(throttle=0.5)), ticks + 1
        assert ticks < 200
        assert min(tick.edge_left, tick.edge_right) > (-2.0 if not tick.off_road else -3.0)
    ((_, place, _),) = ask(server.port, "places")
    assert 1.5 < far_from_driving(maps["Town01"], carla.Location(*place)) < 3.0


def test_who_is_placed_anew_past_the_corner_stands_on_a_sidewalk(backend, server, maps):
    crowd = episode("JayWalk", s=120.0, walkers=(30, 30), standing=1.0, parked=10)
    tick = backend.reset(crowd)
    past, map = 0, maps["Town01"]
    for count in range(400):
        tick = drive(backend, tick)
        if count % 20:
            continue
        for kind, place, _ in ask(server.port, "places"):
            location = carla.Location(*place)
            if kind == EGO:
                continue
            assert not map.get_waypoint(location).is_junction
            assert far_from_driving(map, location) > BODIES[kind].width / 2
            past += map.get_waypoint(location).road_id != 12
    assert past > 20
    assert not tick.off_road
