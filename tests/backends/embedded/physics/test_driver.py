"""The scripted driver, and how hard the tasks are, measured without drawing."""

from dataclasses import dataclass

import gymnasium as gym
import numpy as np
import pytest

import semore_gym  # noqa: F401
from semore_gym.backends.base import CameraConfig, Control
from semore_gym.backends.embedded.backend import EmbeddedBackend
from semore_gym.backends.embedded.physics.driver import pedals, stoppable_speed, time_to_cover
from semore_gym.backends.embedded.physics.vehicle import drive_force
from semore_gym.envs.reward import REWARDS
from semore_gym.envs.termination import EndRules
from semore_gym.scenarios import SCENARIOS

SEEDS = range(20)
FRAME_SKIP = 4
CONSTANT = {"idle": 0.0, "slow": 0.3, "fast": 1.0}  # throttle, steer 0


@dataclass
class Drive:
    reward: float = 0.0
    crash_intensity: float = 0.0
    worst_offset: float = 0.0
    end_reason: str = ""
    ticks: int = 0


def drive(name, policy, seed):
    """One episode by DrivingEnv's rules; the same as stepping the environment, but nothing is drawn."""
    scenario = SCENARIOS.load(name)()
    backend = EmbeddedBackend(CameraConfig())
    rng = np.random.default_rng(np.random.SeedSequence([seed, 0]))
    backend.reset(scenario.episode(rng))
    for _ in range(5):
        backend.tick(Control(brake=1.0))
    rules, reward, result = EndRules(1000, backend.dt, True), REWARDS[scenario.reward], Drive()
    while not result.end_reason:
        if rules.ticks % FRAME_SKIP == 0:
            control = (
                backend.scripted_control() if policy == "scripted" else Control(throttle=CONSTANT[policy])
            )
        tick = backend.tick(control)
        result.end_reason = rules(tick)
        result.reward += sum(reward(tick, control, backend.dt).values())
        result.crash_intensity += tick.impulse
        result.worst_offset = max(result.worst_offset, abs(tick.lane_offset))
        result.ticks = rules.ticks
    backend.close()
    return result


@pytest.fixture(scope="module")
def drives():
    """All drives, (scenario, policy) -> 20 of them."""
    return {
        (name, policy): [drive(name, policy, seed) for seed in SEEDS]
        for name in SCENARIOS
        for policy in ("scripted", *CONSTANT)
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_scripted_driver_finishes_most_episodes_without_a_crash(drives, name):
    clean = [d for d in drives[name, "scripted"] if d.end_reason == "horizon" and d.crash_intensity == 0.0]
    assert len(clean) >= 0.7 * len(SEEDS)


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_scripted_driver_earns_half_as_much_again_as_the_best_constant_policy(drives, name):
    mean = {policy: np.mean([d.reward for d in drives[name, policy]]) for policy in ("scripted", *CONSTANT)}
    assert mean["scripted"] >= 1.5 * max(mean[policy] for policy in CONSTANT)
    assert mean["scripted"] > 100.0


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_full_throttle_straight_on_hits_something_on_most_seeds(drives, name):
    assert sum(d.crash_intensity > 0.0 for d in drives[name, "fast"]) > len(SEEDS) / 2


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_doing_nothing_gets_stuck(drives, name):
    for d in drives[name, "idle"]:
        assert (d.end_reason, d.ticks, d.crash_intensity) == ("stuck", 100, 0.0)
        assert abs(d.reward) < 1e-3


@pytest.mark.slow
def test_hands_off_leaves_the_lane_in_a_bend(drives):
    ends = [d.end_reason for d in drives["HighWay", "slow"]]
    assert all(d.worst_offset > 1.7 or d.crash_intensity > 0.0 for d in drives["HighWay", "slow"])
    assert ends.count("off_road") >= 10


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_scripted_driver_stays_in_its_lane(drives, name):
    assert max(d.worst_offset for d in drives[name, "scripted"]) < 0.6


def test_the_environment_gives_the_same_drive():
    env = gym.make("SemoreCarla-HighBeam-v0", image_size=32).unwrapped
    env.reset(seed=3)
    total, end = 0.0, ""
    while not end:
        _, reward, *_, info = env.step(env.scripted_action())
        total, end = total + reward, info["end_reason"]
    expected = drive("HighBeam", "scripted", 3)
    env.close()
    assert end == expected.end_reason
    assert total == pytest.approx(expected.reward, rel=1e-4)  # actions pass through float32


@pytest.mark.parametrize("distance", [0.5, 3.0, 20.0, 80.0])
def test_stoppable_speed_stops_within_the_distance(distance):
    v = stoppable_speed(distance)
    assert v * 0.3 + v * v / 10.0 == pytest.approx(distance)


def test_time_to_cover_counts_on_speeding_up_only_when_slow():
    assert time_to_cover(20.0, 10.0) == 2.0
    t = time_to_cover(3.0, 1.0)
    assert 1.0 * t + 1.5 * t * t / 2.0 == pytest.approx(3.0)


@pytest.mark.parametrize("acceleration", [-9.0, -3.0, 0.0, 1.0, 2.5])
def test_pedals_give_the_acceleration(acceleration):
    throttle, brake = pedals(acceleration, 10.0)
    assert drive_force(throttle, brake, 10.0) / 1845.0 == pytest.approx(acceleration, abs=0.25)
