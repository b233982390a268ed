"""The environments on CARLA: gymnasium's and SB3's checks, and a training that outlives its servers."""

import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_env_sb3

import semore_gym
from semore_gym.scenarios import SCENARIOS

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


def test_masks_come_from_its_segmentation(carla_address, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    config = semore_gym.CarlaConfig.from_address(carla_address())
    env = semore_gym.make_env("SemoreCarla-HighBeam-v0", masks="oracle", image_size=64, carla=config)
    observation, _ = env.reset(seed=0)
    tags = env.unwrapped.segmentation()
    assert set(np.unique(observation["mask"])) == {0, 255}
    np.testing.assert_array_equal(observation["mask"][0] > 0, np.isin(tags, [12, 13, 14, 15, 19]))
    env.close()
