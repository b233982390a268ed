import socket
import subprocess
import sys
import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_env_sb3
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv

from semore_gym import CarlaConfig
from semore_gym.backends import BACKENDS
from semore_gym.backends.base import SimulatorError
from semore_gym.backends.embedded.backend import EmbeddedBackend
from semore_gym.envs import DrivingEnv
from semore_gym.envs.window import screen_available
from semore_gym.scenarios import SCENARIOS

IDS = [f"SemoreCarla-{name}-v0" for name in SCENARIOS]
INFO_NUMBERS = {
    "speed", "yaw", "distance", "crash_intensity", "steer", "throttle", "brake", "lane_offset",
    "heading_error", "edge_left", "edge_right", "gap", "time_to_collision",
}  # fmt: skip


@pytest.fixture
def make():
    made = []

    def _make(id: str = IDS[-1], **kwargs):
        env = gym.make(id, **{"image_size": 32, **kwargs})
        made.append(env)
        return env

    yield _make
    for env in made:
        env.close()


def rollout(env, actions, **reset):
    """Everything that an environment returns, as one list."""
    observation, info = env.reset(**reset)
    trace = [(observation, 0.0, False, False, info)]
    for action in actions:
        if trace[-1][2] or trace[-1][3]:
            break
        trace.append(env.step(action))
    return trace


def assert_equal(a, b):
    assert len(a) == len(b)
    for (obs_a, *rest_a, info_a), (obs_b, *rest_b, info_b) in zip(a, b, strict=True):
        np.testing.assert_array_equal(obs_a, obs_b)
        assert rest_a == rest_b
        assert info_a.keys() == info_b.keys()
        for key in info_a:
            np.testing.assert_equal(info_a[key], info_b[key], err_msg=key)


def actions(seed: int, n: int = 40):
    return list(np.random.default_rng(seed).uniform([-0.2, 0.2], [0.2, 1.0], (n, 2)).astype(np.float32))


@pytest.mark.parametrize("id", IDS)
def test_gymnasium_checker_has_nothing_to_say(id, make):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(make(id, render_mode="rgb_array").unwrapped)


@pytest.mark.parametrize("id", IDS)
def test_sb3_checker_has_nothing_to_say(id, make):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env_sb3(make(id, image_size=36).unwrapped)


@pytest.mark.parametrize("id", IDS)
def test_infos_hold_plain_numbers_and_the_rewards_add_up(id, make):
    trace = rollout(make(id), actions(0), seed=3)
    for _, reward, _, _, info in trace:
        assert info.keys() >= INFO_NUMBERS
        assert all(type(info[key]) is float and not np.isnan(info[key]) for key in INFO_NUMBERS)
        assert type(info["lane_invasions"]) is int
        assert type(info["tick"]) is int
        assert info["backend"] == "embedded"
        assert sum(info["rewards"].values()) == pytest.approx(reward)
    assert trace[0][4].keys() == trace[1][4].keys()
    assert [info["tick"] for *_, info in trace[:3]] == [0, 4, 8]


@pytest.mark.parametrize("id", IDS)
def test_same_seed_and_actions_give_the_same_bits(id, make):
    first = rollout(make(id, segmentation=True, depth=True), actions(1), seed=5)
    other = make(IDS[0], image_size=64)
    rollout(other, actions(2, 5), seed=9)
    env = make(id, segmentation=True, depth=True)
    rollout(env, actions(3, 7), seed=8)
    env.reset()
    assert_equal(first, rollout(env, actions(1), seed=5))
    assert_equal(first, rollout(env, actions(1), options={"episode": 0}))


def test_episodes_differ_and_can_be_redone(make):
    env = make()
    zero, one = rollout(env, actions(1, 5), seed=5), rollout(env, actions(1, 5))
    assert any((a[0] != b[0]).any() for a, b in zip(zero, one, strict=True))
    assert_equal(one, rollout(env, actions(1, 5), seed=5, options={"episode": 1}))


def test_another_process_sees_the_same_bits(make):
    code = (
        "import gymnasium as gym, semore_gym, numpy as np, zlib\n"
        f"env = gym.make({IDS[0]!r}, image_size=32); crc = zlib.crc32(env.reset(seed=4)[0])\n"
        "for _ in range(20): crc = zlib.crc32(env.step(np.array([0.1, 0.5], np.float32))[0], crc)\n"
        "print(crc)"
    )
    crcs = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout for _ in range(2)
    }
    assert len(crcs) == 1
    assert crcs.pop().strip().isdigit()


def test_eight_environments_in_one_process_do_not_disturb_each_other(make):
    envs = [make(IDS[i % 3]) for i in range(8)]
    alone = [rollout(make(IDS[i % 3]), actions(i, 10), seed=i) for i in range(8)]
    together = [[(*env.reset(seed=i),)] for i, env in enumerate(envs)]
    together = [[(obs, 0.0, False, False, info)] for [(obs, info)] in together]
    for step in range(10):
        for i, env in enumerate(envs):
            if not (together[i][-1][2] or together[i][-1][3]):
                together[i].append(env.step(actions(i, 10)[step]))
    for a, b in zip(alone, together, strict=True):
        assert_equal(a, b)


@pytest.mark.parametrize("size", [32, 84, 512])
def test_image_sizes(size, make):
    env = make(image_size=size, segmentation=True, depth=True)
    observation, info = env.reset(seed=0)
    assert observation.shape == (size, size, 3)
    assert env.observation_space.contains(observation)
    assert info["segmentation"].shape == info["depth"].shape == (size, size)
    np.testing.assert_array_equal(env.unwrapped.segmentation(), info["segmentation"])
    np.testing.assert_array_equal(env.unwrapped.depth(), info["depth"])


def test_observations_are_not_aliased(make):
    env = make(segmentation=True)
    observation, info = env.reset(seed=0)
    kept, tags = observation.copy(), info["segmentation"].copy()
    for action in actions(0, 10):
        env.step(action)
    np.testing.assert_array_equal(observation, kept)
    np.testing.assert_array_equal(info["segmentation"], tags)


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_gymnasium_vector_environments(mode):
    envs = gym.make_vec(IDS[1], num_envs=2, vectorization_mode=mode, image_size=32)
    observation, _ = envs.reset(seed=1)
    assert observation.shape == (2, 32, 32, 3)
    assert (observation[0] != observation[1]).any()
    envs.step(envs.action_space.sample())
    envs.close()


@pytest.mark.parametrize("kind", [DummyVecEnv, SubprocVecEnv])
def test_sb3_vector_environments(kind):
    # "package:id" imports the package in the worker process, which registers the id there
    envs = kind([lambda: gym.make(f"semore_gym:{IDS[0]}", image_size=32)] * 2)
    envs.seed(3)
    assert envs.reset().shape == (2, 32, 32, 3)
    envs.step(np.zeros((2, 2), np.float32))
    envs.close()


def test_records_a_video(make, tmp_path):
    env = gym.wrappers.RecordVideo(make(render_mode="rgb_array"), str(tmp_path), disable_logger=True)
    env.reset(seed=0)
    for action in actions(0, 3):
        env.step(action)
    env.close()
    assert next(tmp_path.glob("*.mp4")).stat().st_size > 1000


def test_render_is_the_larger_chase_view(make):
    env = make(render_mode="rgb_array")
    env.reset(seed=0)
    frame = env.render()
    assert frame.shape == (480, 640, 3)
    assert frame.dtype == np.uint8
    assert frame.std() > 10


def drive_to_the_end(env, policy, seed):
    _, info = env.reset(seed=seed)
    while True:
        _, _, terminated, truncated, info = env.step(np.asarray(policy(info), np.float32))
        if terminated or truncated:
            return info["end_reason"], terminated, truncated, info


def test_doing_nothing_is_stuck(make):
    assert drive_to_the_end(make(), lambda _: (0.0, 0.0), 0)[:3] == ("stuck", True, False)


def test_steering_off_the_road(make):
    assert drive_to_the_end(make(), lambda _: (0.5, 0.6), 0)[:3] == ("off_road", True, False)


def test_the_horizon_truncates(make):
    env = make(max_ticks=30)
    assert drive_to_the_end(env, lambda _: env.unwrapped.scripted_action(), 0)[:3] == ("horizon", False, True)


class LosesTheSimulator(EmbeddedBackend):
    """Fails for good in its tenth tick, as a server that died does."""

    def tick(self, control):
        if self._world.frame == 10:
            raise SimulatorError("the server does not answer")
        return super().tick(control)


def test_a_lost_simulator_truncates(make, monkeypatch):
    monkeypatch.setitem(BACKENDS._entries, "fragile", f"{__name__}:LosesTheSimulator")
    env = make(backend="fragile")
    env.reset(seed=0)
    second, *_ = env.step(np.array([0.0, 1.0], np.float32))  # ticks 6 to 9, after the warm-up's five
    observation, reward, terminated, truncated, info = env.step(np.array([0.0, 1.0], np.float32))
    assert (terminated, truncated, info["end_reason"], info["tick"]) == (False, True, "simulator_error", 5)
    np.testing.assert_array_equal(observation, second)
    assert not np.shares_memory(observation, second)
    assert np.isfinite(reward)
    assert sum(info["rewards"].values()) == reward


class LosesItsStarts(EmbeddedBackend):
    """Is lost in the warm-up of the first two episodes, and takes no pictures but the camera's."""

    losses = 2

    def tick(self, control):
        if self._world.frame == 3 and self.losses:
            self.losses -= 1
            raise SimulatorError("the server does not answer")
        return super().tick(control)

    def image(self, kind):
        if kind != "rgb":
            raise SimulatorError("the client died")
        return super().image(kind)


def test_an_episode_lost_at_its_start_begins_again(make, monkeypatch, caplog):
    monkeypatch.setitem(BACKENDS._entries, "fragile", f"{__name__}:LosesItsStarts")
    fragile, sound = make(backend="fragile"), make()
    given, expected = (env.reset(seed=0) for env in (fragile, sound))
    np.testing.assert_array_equal(given[0], expected[0])
    assert given[1]["tick"] == expected[1]["tick"] == 0
    assert caplog.text.count("lost at the start of an episode") == 2


def test_a_picture_that_is_lost_is_blank(make, monkeypatch, caplog):
    monkeypatch.setitem(BACKENDS._entries, "fragile", f"{__name__}:LosesItsStarts")
    env = make(backend="fragile", render_mode="rgb_array")
    caplog.set_level("DEBUG", logger="semore_gym")
    observation, _ = env.reset(seed=0)
    assert env.render().shape == (480, 640, 3)
    for picture, dtype in ((env.unwrapped.segmentation(), np.uint8), (env.unwrapped.depth(), np.float32)):
        assert (picture.shape, picture.dtype) == (observation.shape[:2], dtype)
        assert not picture.any()
    assert "no segmentation picture: the client died" in caplog.text


def test_the_last_step_may_be_shorter(make):
    env = make(max_ticks=30)
    *_, info = drive_to_the_end(env, lambda _: (0.0, 0.3), 0)
    assert info["tick"] == 30


def test_running_into_traffic_is_a_collision(make):
    env = make(IDS[0])
    reasons = {drive_to_the_end(env, lambda _: (0.0, 1.0), seed)[0] for seed in range(6)}
    assert "collision" in reasons


def test_stepping_after_the_end_needs_a_reset(make):
    env = make().unwrapped
    with pytest.raises(gym.error.ResetNeeded):
        env.step(np.zeros(2, np.float32))
    drive_to_the_end(env, lambda _: (0.0, 0.0), 0)
    with pytest.raises(gym.error.ResetNeeded):
        env.step(np.zeros(2, np.float32))


@pytest.mark.parametrize(
    ("argument", "value", "allowed"),
    [
        ("scenario", "Rally", "HighBeam, HighWay, JayWalk"),
        ("backend", "unreal", "embedded"),
        ("weather", "hail", "midnight"),
        ("reward", "speed", "dbc, highway, jaywalk"),
        ("image_size", 7, "from 32 to 512"),
        ("image_size", 84.0, "integer"),
        ("frame_skip", 0, "from 1"),
        ("max_ticks", 0, "from 1"),
        ("render_mode", "ansi", "rgb_array"),
        ("scenario", {"vehicles": 3}, "must be a name in SCENARIOS or a Scenario, .* JSON keeps a name"),
        ("scenario_options", {"cars": 3}, "vehicles"),
    ],
)
def test_wrong_options_name_themselves_and_what_is_allowed(argument, value, allowed):
    with pytest.raises(ValueError, match=f"{argument}.*{allowed}") as error:
        DrivingEnv(**{"scenario": "HighWay", argument: value})
    assert str(next(iter(value)) if isinstance(value, dict) else value) in str(error.value)


@pytest.mark.skipif(screen_available(), reason="this machine has a screen")
def test_human_without_a_screen_is_refused():
    for maker in (
        lambda: DrivingEnv("HighWay", render_mode="human"),
        lambda: gym.make(IDS[0], render_mode="human"),
    ):
        with pytest.raises(ValueError, match="no screen"):
            maker()


@pytest.mark.parametrize("action", [[np.nan, 0], [0, np.inf], [0], [0, 0, 0], [[0, 0]]])
def test_bad_actions_are_refused(action, make):
    env = make().unwrapped
    env.reset(seed=0)
    with pytest.raises(ValueError, match="action must"):
        env.step(np.array(action, np.float32))


def test_bad_reset_options_are_refused(make):
    with pytest.raises(ValueError, match="unknown reset options \\['weather'\\]; known: episode"):
        make().unwrapped.reset(options={"weather": "midnight"})
    with pytest.raises(ValueError, match="episode must be an integer from 0"):
        make().unwrapped.reset(options={"episode": -1})


def test_asking_for_carla_never_falls_back(monkeypatch):
    pytest.importorskip("carla", reason="the carla client has no wheel for this Python or platform")
    with socket.socket() as nobody:  # bound, and not listening
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        monkeypatch.setenv("SEMORE_CARLA", address)
        env = DrivingEnv("HighWay")
        with pytest.raises(SimulatorError, match=f"no CARLA server answers at {address}"):
            env.reset(seed=0)


@pytest.mark.parametrize("address", ["nowhere", "host:", ":2000", "host:port"])
def test_a_carla_address_is_host_and_port(address, monkeypatch):
    monkeypatch.setenv("SEMORE_CARLA", address)
    with pytest.raises(ValueError, match=f"must be host:port, .* got '{address}'"):
        DrivingEnv("HighWay")


def test_where_carla_is_needs_the_carla_backend():
    with pytest.raises(ValueError, match="carla= needs backend='carla', got backend='embedded'"):
        DrivingEnv("HighWay", backend="embedded", carla=CarlaConfig())
