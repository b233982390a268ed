"""The environments on CARLA: gymnasium's and SB3's checks, and a training that outlives its servers."""

import re
import subprocess
import sys
import warnings
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_env_sb3

import semore_gym
from semore_gym.scenarios import SCENARIOS
from semore_gym.scenarios.base import Location

pytest.importorskip("carla", reason="the carla client has no wheel for this Python or platform")


@pytest.fixture
def on_carla(carla_address, monkeypatch, tmp_path):
    """on_carla(name, **options) -> an environment on a server of its own."""
    monkeypatch.setenv("HOME", str(tmp_path))  # where the client library caches maps for ever
    made = []

    def make(name="HighWay", **options):
        config = semore_gym.CarlaConfig.from_address(carla_address())
        made.append(
            gym.make(f"SemoreCarla-{name}-v0", backend="carla", carla=config, image_size=36, **options)
        )
        return made[-1]

    yield make
    for env in made:
        env.close()


@pytest.mark.parametrize("name", SCENARIOS)
def test_checkers_accept_it(name, on_carla):
    env = on_carla(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=True)
        check_env_sb3(env.unwrapped, warn=True)


def test_info_names_the_backend_and_has_what_was_asked_for(on_carla):
    env = on_carla(segmentation=True, depth=True, render_mode="rgb_array")
    _, info = env.reset(seed=0)
    assert info["backend"] == "carla"
    for _ in range(5):
        observation, _, _, _, info = env.step(np.float32([0.0, 1.0]))
    assert observation.std() > 10
    assert info["segmentation"].shape == info["depth"].shape == (36, 36)
    assert info["speed"] > 2.0
    assert env.render().shape == (480, 640, 3)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_state_needs_no_camera(name, on_carla):
    env = on_carla(name, observation="state")
    seen = []
    for _ in range(2):
        observation, _ = env.reset(seed=0)
        for _ in range(5):
            assert env.observation_space.contains(observation)
            observation, _, _, _, info = env.step(np.float32([0.0, 1.0]))
        seen.append(observation)
    np.testing.assert_array_equal(*seen)
    assert observation[0] == pytest.approx(info["speed"] / 10.0)
    assert observation[14] == 1.0  # somebody is there
    assert env.unwrapped.segmentation().any()  # a camera is started when one is asked for


def test_masks_come_from_its_segmentation(carla_address, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    config = semore_gym.CarlaConfig.from_address(carla_address())
    env = semore_gym.make_env("SemoreCarla-HighBeam-v0", masks="oracle", image_size=64, carla=config)
    observation, _ = env.reset(seed=0)
    tags = env.unwrapped.segmentation()
    assert set(np.unique(observation["mask"])) == {0, 255}
    np.testing.assert_array_equal(observation["mask"][0] > 0, np.isin(tags, [12, 13, 14, 15, 19]))
    env.close()


def test_it_drives_on_the_embedded_road(carla_address, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    config = semore_gym.CarlaConfig.from_address(carla_address())
    page = Path(__file__).parents[2] / "docs" / "carla.md"
    program = re.search(r"```python\n(# own_road.py\n.*?)```", page.read_text(), re.DOTALL)[1]
    program = program.replace("2000", str(config.port))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    location = Location("street", "OpenDriveMap", 12)
    env = gym.make("SemoreCarla-JayWalk-v0", carla=config, scenario_options={"location": location})
    _, info = env.reset(seed=0)
    assert info["edge_right"] == pytest.approx(2.0, abs=0.01)  # half a lane of the street
    env.close()
