import dataclasses

import numpy as np
import pytest

from semore_gym.backends.embedded.blueprints import BODIES
from semore_gym.backends.embedded.roads import road
from semore_gym.scenarios import SCENARIOS
from semore_gym.scenarios.base import Cross, Cruise, Stand
from semore_gym.scenarios.weather import WEATHERS


def episodes(name, count=30, **options):
    scenario = SCENARIOS.load(name)(**options)
    return [scenario.episode(np.random.default_rng(seed)) for seed in range(count)]


def boxes(episode):
    """Everybody's place and half size, (N + 1, 4): s, t, half length, half width; the ego last."""
    lanes = road(episode.location.embedded).lanes
    rows = [
        (a.s, lanes[a.lane].center + a.offset, BODIES[a.blueprint].length / 2, BODIES[a.blueprint].width / 2)
        for a in episode.actors
    ]
    return np.array([*rows, (episode.ego.s, lanes[episode.ego.lane].center, 4.79 / 2, 2.16 / 2)])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        *((name, {}) for name in SCENARIOS),
        ("HighWay", {"vehicles": 30}),
        ("JayWalk", {"walkers": (30, 30), "parked": 10}),
        ("HighBeam", {"oncoming": 10}),
    ],
)
def test_nobody_starts_on_top_of_anybody(name, options):
    for episode in episodes(name, **options):
        s, t, length, width = boxes(episode).T
        close = np.abs(s[:, None] - s) < length[:, None] + length
        beside = np.abs(t[:, None] - t) < width[:, None] + width
        assert (close & beside).sum() == len(s)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_same_generator_state_gives_the_same_episode(name):
    assert episodes(name) == episodes(name)
    assert len({repr(episode) for episode in episodes(name)}) == 30


@pytest.mark.parametrize("name", SCENARIOS)
def test_lanes_and_blueprints_exist_and_actors_come_back(name):
    for episode in episodes(name):
        lanes = road(episode.location.embedded).lanes
        assert lanes[episode.ego.lane].kind == "driving"
        for actor in episode.actors:
            assert actor.lane in lanes
            assert actor.blueprint in BODIES
            assert actor.respawn is not None
            assert 0.0 < actor.respawn.ahead[0] < actor.respawn.ahead[1]


def test_highway_is_as_specified():
    for episode in episodes("HighWay"):
        assert (episode.location.carla_map, episode.location.carla_road) == ("Town04", 45)
        assert -4 <= episode.ego.lane <= -1
        assert 100.0 <= episode.ego.s <= 110.0
        assert len(episode.actors) == 10
        assert episode.weather == WEATHERS["cloudy_noon"]
        for actor in episode.actors:
            assert -4 <= actor.lane <= -1
            assert 115.0 <= actor.s <= 300.0
            assert isinstance(actor.behaviour, Cruise)
            assert 25.0 * 0.4 <= actor.behaviour.speed <= 25.0 * 0.7
            assert actor.behaviour.min_gap == 2.0


def test_highway_traffic_may_be_faster():
    speeds = [a.behaviour.speed for e in episodes("HighWay", speed_change=(0.3, 0.6)) for a in e.actors]
    assert min(speeds) >= 25.0 * 1.3
    assert max(speeds) <= 25.0 * 1.6


@pytest.mark.parametrize("vehicles", [1, 4, 30])
def test_highway_traffic_can_be_counted(vehicles):
    assert all(len(episode.actors) == vehicles for episode in episodes("HighWay", vehicles=vehicles))


def test_jaywalk_is_as_specified():
    counts = set()
    for episode in episodes("JayWalk", 60):
        assert (episode.location.carla_map, episode.location.carla_road) == ("Town01", 12)
        assert episode.ego.lane == -1
        assert 0.2 <= episode.ego.s <= 2.2
        walkers = [a for a in episode.actors if BODIES[a.blueprint].kind == "walker"]
        parked = [a for a in episode.actors if BODIES[a.blueprint].kind == "car"]
        counts.add(len(walkers))
        assert all(a.lane in (-3, 3) for a in walkers)
        assert all(a.lane in (-1, 1) and isinstance(a.behaviour, Stand) for a in parked)
        # beside the driving lane of 4 m that the embedded street and CARLA's Town01 have
        assert all(a.offset * a.lane - BODIES[a.blueprint].width / 2 > 2.0 for a in parked)
        assert any(20.0 <= a.s <= 22.0 for a in walkers)
        assert any(100.0 <= a.s <= 102.0 for a in walkers)
        crossing = [a.behaviour for a in walkers if isinstance(a.behaviour, Cross)]
        assert crossing
        assert all(1.0 <= b.speed <= 3.0 and b.probability == 0.5 for b in crossing)
    assert counts == {4, 5, 6, 7, 8}


def test_highbeam_is_as_specified():
    for episode in episodes("HighBeam"):
        assert episode.weather == WEATHERS["midnight"]
        assert (episode.weather.sun_altitude_angle, episode.weather.fog_density) == (-90, 20)
        cyclist, *cars = episode.actors
        assert (cyclist.blueprint, cyclist.lane) == ("vehicle.bh.crossbike", -1)
        assert 30.0 <= cyclist.s <= 35.0
        assert cyclist.behaviour.speed <= 5.0
        assert len(cars) == 3
        assert all(15.0 <= car.s <= 120.0 and car.lane == 1 and car.lights == "high" for car in cars)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("HighWay", {"vehicles": 0}, "vehicles must be an int from 1 to 30, got 0"),
        ("HighWay", {"vehicles": 31}, "vehicles .* got 31"),
        ("HighWay", {"vehicles": 2.5}, r"vehicles .* got 2\.5"),
        ("HighWay", {"speed_change": (0.2, -0.2)}, "speed_change"),
        ("HighWay", {"speed_change": (-1.0, 0.0)}, "speed_change"),
        ("JayWalk", {"walkers": (5, 4)}, "walkers must be"),
        ("JayWalk", {"walkers": (0, 4)}, "walkers must be"),
        ("JayWalk", {"walker_speed": (1.0, 9.0)}, "walker_speed must be"),
        ("JayWalk", {"walker_speed": (0.0, 1.0)}, "walker_speed must be"),
        ("JayWalk", {"standing": 1.5}, "standing must be"),
        ("JayWalk", {"crossing": -0.1}, "crossing must be"),
        ("JayWalk", {"parked": 11}, "parked must be"),
        ("HighBeam", {"oncoming": -1}, "oncoming must be"),
        ("HighBeam", {"cyclist_speed": (3.0, 11.0)}, "cyclist_speed must be"),
    ],
)
def test_wrong_options_say_what_is_allowed(name, options, message):
    with pytest.raises(ValueError, match=message):
        SCENARIOS.load(name)(**options)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_is_frozen_data(name):
    scenario = SCENARIOS.load(name)()
    with pytest.raises(dataclasses.FrozenInstanceError):
        scenario.weather = "sunset"
    changed = dataclasses.replace(scenario, weather="sunset")
    assert changed.episode(np.random.default_rng(0)).weather == WEATHERS["sunset"]
