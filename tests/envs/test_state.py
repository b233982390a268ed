"""The observation "state": its numbers on situations made by hand, and that agents can use it."""

import math
import warnings
from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3 import SAC
from stable_baselines3.common.env_checker import check_env as check_env_sb3

from semore_gym import make_env
from semore_gym.backends.base import RoadUser, Surroundings, Tick
from semore_gym.envs.state import (
    EGO_NUMBERS,
    OTHER_NUMBERS,
    OTHERS,
    STATE_NUMBERS,
    encode_state,
    state_space,
)
from semore_gym.scenarios import SCENARIOS
from semore_gym.scenarios.base import Actor, Cross, Episode, RoadPosition, Stand
from semore_gym.scenarios.jaywalk import LOCATION
from semore_gym.scenarios.weather import WEATHERS

TICK = Tick(0, 10.0, 9.9, 0.0, 0.5, -5.0, 0, 0.0, False, 0.0, False, 6.0, 2.0, math.inf, math.inf)
NAMES = [number.name for number in STATE_NUMBERS]
CAR = RoadUser("vehicle", 30.0, -1.0, 4.0, 0.5, half_length=2.5, half_width=0.9)
WALKER = RoadUser("walker", 12.75, 6.0, 0.0, -2.0, half_length=0.25, half_width=0.25)
EGO_HALVES = (2.5, 1.0)


@pytest.fixture
def make():
    made = []

    def _make(name="JayWalk", **kwargs):
        made.append(gym.make(f"SemoreCarla-{name}-v0", backend="embedded", observation="state", **kwargs))
        return made[-1]

    yield _make
    for env in made:
        env.close()


def unscale(scaled):
    """The quantities of the state in their units, by name."""
    numbers = {}
    for number, value in zip(STATE_NUMBERS, scaled.tolist(), strict=True):
        x = value * number.scale
        numbers[number.name] = math.copysign(math.expm1(abs(x)), x) if number.log else x
    return numbers


def state(*others, tick=TICK, bends=(0.0, 0.0, 0.0, 0.0)):
    return unscale(encode_state(tick, Surroundings(*EGO_HALVES, bends, others)))


def seen(numbers, i):
    return {name.split("_", 1)[1]: v for name, v in numbers.items() if name.startswith(f"other{i}_")}


def test_every_number_has_a_name_of_its_own():
    assert len(set(NAMES)) == len(NAMES) == 30
    assert all(number.scale > 0.0 and number.meaning for number in STATE_NUMBERS)


def test_the_page_lists_every_number():
    page = (Path(__file__).parents[2] / "docs" / "state.md").read_text()
    for number in (*EGO_NUMBERS, *(n._replace(name=f"other1_{n.name}") for n in OTHER_NUMBERS)):
        scale = f"log, {number.scale:g}" if number.log else f"{number.scale:g}"
        assert f"| `{number.name}` | {number.unit or '-'} | {scale} | {number.meaning} |" in page


def test_the_ego_and_the_bends():
    numbers = state(bends=(0.004, 0.002, 0.0, -0.005))
    ego = {"speed": 10.0, "with_lane": 1.0, "lane_offset": 0.5, "heading": -5.0, "edge_left": 6.0}
    bends = {"bend_10": 0.004, "bend_20": 0.002, "bend_40": 0.0, "bend_60": -0.005}
    expected = {**ego, "edge_right": 2.0, **bends}
    assert {name: numbers[name] for name in expected} == pytest.approx(expected, abs=1e-6)


def test_on_the_oncoming_lane_sides_stay_the_ego_s():
    numbers = state(tick=replace(TICK, lane_offset=0.5, heading_error=178.0))
    assert numbers["with_lane"] == -1.0
    assert (numbers["lane_offset"], numbers["heading"]) == pytest.approx((-0.5, -2.0))


def test_the_gap_and_its_time_are_at_most_so_much():
    numbers = state()
    assert (numbers["gap"], numbers["time_to_collision"]) == pytest.approx((150.0, 10.0), rel=1e-5)
    numbers = state(tick=replace(TICK, gap=3.0, time_to_collision=0.4))
    assert (numbers["gap"], numbers["time_to_collision"]) == pytest.approx((3.0, 0.4), rel=1e-5)


@pytest.mark.parametrize(
    ("others", "meeting", "gap"),
    [
        ((), 5.0, 150.0),
        ((WALKER,), 5.0, 150.0),  # 4 m aside when the ego is there
        ((replace(WALKER, left=3.5),), 1.0, 10.0),  # 1.5 m aside, and coming
        ((replace(WALKER, left=1.0),), 1.0, 10.0),  # just leaving
        ((replace(WALKER, left=0.4),), 5.0, 150.0),  # gone
        ((replace(WALKER, left=3.5, ahead=-12.75),), 5.0, 150.0),
        ((replace(WALKER, ahead=60.25, left=12.0),), 5.0, 150.0),  # too far to tell
        ((replace(CAR, speed_ahead=0.0), replace(WALKER, left=0.5, speed_left=0.0)), 1.0, 10.0),
    ],
)
def test_the_first_meeting_if_all_move_on_as_they_do(others, meeting, gap):
    numbers = state(*others, tick=replace(TICK, heading_error=0.0))
    assert (numbers["meeting"], numbers["meeting_gap"]) == pytest.approx((meeting, gap), rel=1e-5)


def test_somebody_ahead():
    closing = 10.0 * math.cos(math.radians(5.0)) - 4.0
    arrival = 25.0 / closing
    expected = {
        "present": 1.0,
        "person": 0.0,
        "gap": 25.0,
        "left": -1.0,
        "speed_ahead": -closing,
        "speed_left": 0.5,
        "arrival": arrival,
        "left_then": -1.0 + 0.5 * arrival,
    }
    assert seen(state(CAR), 1) == pytest.approx(expected, rel=1e-5)


def test_somebody_who_crosses_is_followed_into_the_ego_s_path():
    first = seen(state(WALKER, tick=replace(TICK, heading_error=0.0)), 1)
    assert (first["person"], first["gap"], first["arrival"]) == pytest.approx((1.0, 10.0, 1.0))
    assert first["left_then"] == pytest.approx(6.0 - 2.0)


@pytest.mark.parametrize(
    ("ahead", "speed", "gap", "arrival"),
    [
        (30.0, 12.0, 25.0, 5.0),  # faster than the ego: not reached within the foresight
        (4.9, 4.0, 0.0, 0.0),  # beside it
        (-4.9, 4.0, 0.0, 0.0),
        (-8.0, 20.0, -3.0, 5.0),  # behind, even if it comes closer
    ],
)
def test_where_the_others_are_along_the_road(ahead, speed, gap, arrival):
    first = seen(state(replace(CAR, ahead=ahead, speed_ahead=speed)), 1)
    assert (first["gap"], first["arrival"]) == pytest.approx((gap, arrival), abs=1e-5)


def test_where_nobody_is():
    nobody = {**dict.fromkeys(seen(state(), 1), 0.0), "gap": 90.0, "arrival": 5.0, "left_then": 10.0}
    for i in range(1, OTHERS + 1):
        assert seen(state(), i) == pytest.approx(nobody)


def test_the_nearest_come_first_and_the_rest_is_left_out():
    places = (40.0, -11.0, 12.0, -13.0, 91.0, 60.0, -5.5, 70.0, 80.0)
    numbers = state(*(replace(CAR, ahead=place) for place in places))
    assert [seen(numbers, i)["gap"] for i in (1, 2)] == pytest.approx([-0.5, 7.0], rel=1e-5)
    numbers = state(*(replace(CAR, ahead=place) for place in (-11.0, 23.0, 21.0)))
    assert [seen(numbers, i)["gap"] for i in (1, 2)] == pytest.approx([16.0, -6.0], rel=1e-5)


def test_beside_the_road_only_people_count():
    parked = replace(CAR, left=6.95)
    numbers = state(parked, WALKER, replace(CAR, left=6.85))
    assert [seen(numbers, i)["left"] for i in (1, 2)] == pytest.approx([6.0, 6.85])
    assert seen(state(parked), 1)["present"] == 0.0
    assert seen(state(replace(CAR, left=-2.95)), 1)["present"] == 0.0


def test_no_number_is_larger_than_the_space_allows():
    tick = replace(TICK, speed=1e6, edge_left=1e6, edge_right=1e6)
    extreme = encode_state(tick, Surroundings(2.5, 1.0, (1e6,) * 4, (replace(CAR, speed_left=-1e6),)))
    assert state_space().contains(extreme)


def test_in_a_made_situation(make):
    """The numbers of a drive on the embedded street that can be worked out by hand."""
    actors = (
        Actor("vehicle.audi.a2", -1, 40.0, Stand(), offset=0.5),
        Actor("vehicle.audi.a2", -2, 20.0, Stand()),  # parked
        Actor("walker.pedestrian.0001", 3, 30.0, Cross(2.0, 0.0), offset=-0.85),
    )
    env = make().unwrapped
    env._begin(Episode(LOCATION, RoadPosition(-1, 10.0), actors, WEATHERS["cloudy_noon"], 0))
    numbers = unscale(env._observer.observation)
    assert (numbers["edge_left"], numbers["edge_right"]) == pytest.approx((6.0, 2.0), abs=0.01)
    walker, standing = (seen(numbers, i) for i in (1, 2))
    assert (walker["person"], walker["gap"]) == pytest.approx((1.0, 20.0 - (4.79 + 0.5) / 2), abs=0.1)
    assert walker["left"] == pytest.approx(2.0 + 6.2 + 1.25 - 0.85, abs=0.05)
    assert (standing["gap"], standing["left"]) == pytest.approx((30.0 - (4.79 + 3.71) / 2, 0.5), abs=0.1)
    assert numbers["gap"] == pytest.approx(standing["gap"], rel=1e-4)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_checkers_accept_it(make, name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(make(name, render_mode="rgb_array").unwrapped)
        check_env_sb3(make(name).unwrapped)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_same_seed_gives_the_same_numbers_and_the_same_drive_as_with_pictures(make, name):
    envs = [make(name), make(name), gym.make(f"SemoreCarla-{name}-v0", backend="embedded", image_size=32)]
    first, again, _ = (env.reset(seed=3)[0] for env in envs)
    np.testing.assert_array_equal(first, again)
    for action in np.random.default_rng(0).uniform([-0.2, 0.2], [0.2, 1.0], (30, 2)).astype(np.float32):
        (one, *rest), (two, *others), (_, *pictured) = (env.step(action) for env in envs)
        np.testing.assert_array_equal(one, two)
        assert rest == others == pictured
        assert np.isfinite(one).all()
        if rest[1] or rest[2]:
            break
    envs[2].close()


def test_nothing_is_drawn_that_is_not_asked_for(make):
    env = make()
    env.reset(seed=0)
    env.step(np.float32([0.0, 1.0]))
    assert env.unwrapped._backend._renderer is None
    assert env.unwrapped.segmentation().shape == (128, 128)
    _, info = make(segmentation=True, image_size=48).reset(seed=0)
    assert info["segmentation"].shape == (48, 48)


def test_an_unknown_observation_is_refused():
    with pytest.raises(ValueError, match="unknown observation 'sound'; known: image, state"):
        gym.make("SemoreCarla-JayWalk-v0", observation="sound")


def test_make_env_wraps_nothing_around_it():
    env = make_env("SemoreCarla-JayWalk-v0", observation="state", backend="embedded")
    assert env.observation_space == state_space()
    assert env.observation_space.contains(env.reset(seed=0)[0])
    env.close()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("masks", "none"),
        ("masks", "vlm:clipseg"),
        ("mask_options", {"classes": [9]}),
        ("frames", 4),
        ("every", 3),
        ("between", "hold"),
    ],
)
def test_make_env_refuses_what_is_about_pictures(name, value):
    with pytest.raises(ValueError, match=f'{name} must not be given with observation="state", got'):
        make_env("SemoreCarla-JayWalk-v0", observation="state", **{name: value})


def test_stable_baselines3_learns_from_it(make):
    model = SAC("MlpPolicy", make("HighWay"), learning_starts=20, batch_size=16, seed=0, device="cpu")
    model.learn(60)
    assert model.num_timesteps == 60
