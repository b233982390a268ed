"""The wrappers on the driving environments."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv

import semore_gym
from semore_gym.masks import OracleMasks
from semore_gym.scenarios import SCENARIOS
from semore_gym.tags import PEOPLE, VEHICLES

IDS = [f"SemoreCarla-{name}-v0" for name in SCENARIOS]
ACTION = np.array([0.0, 0.5], np.float32)


@pytest.mark.parametrize("id", IDS)
def test_the_oracle_sees_the_traffic_of_the_frame(id):
    env = semore_gym.make_env(id, image_size=64, segmentation=True)
    observation, info = env.reset(seed=1)
    marked = 0
    for _ in range(15):
        expected = np.isin(info["segmentation"], list(VEHICLES | PEOPLE)) * 255
        np.testing.assert_array_equal(observation["mask"][0], expected)
        assert env.observation_space.contains(observation)
        marked += expected.sum()
        observation, _, terminated, truncated, info = env.step(ACTION)
        if terminated or truncated:
            break
    env.close()
    assert marked > 0


def test_an_episode_and_its_spoilt_masks_can_be_redone():
    masks = OracleMasks(missed=0.5, false_blobs=1.0, blur=1.0, delay=1)

    def drive(env, **reset):
        seen = [env.reset(**reset)[0], *(env.step(ACTION)[0] for _ in range(6))]
        return [
            np.concatenate([observation[name].ravel() for observation in seen]) for name in sorted(seen[0])
        ]

    first = semore_gym.make_env(IDS[-1], masks=masks, image_size=32)
    drive(first, seed=8)
    one = drive(first)
    other = semore_gym.make_env(IDS[-1], masks=masks, image_size=32)
    again = drive(other, seed=8, options={"episode": 1})
    first.close()
    other.close()
    for a, b in zip(one, again, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_spec_rebuilds_the_whole_stack():
    env = semore_gym.make_env(IDS[-1], image_size=32, every=5)
    again = gym.make(env.spec)
    assert again.observation_space == env.observation_space
    assert again.every == 5
    for name, value in env.reset(seed=2)[0].items():
        np.testing.assert_array_equal(again.reset(seed=2)[0][name], value)
    env.close()
    again.close()


def test_environments_in_other_processes_give_the_same():
    def make():
        return semore_gym.make_env(IDS[-1], image_size=32)

    envs, env = AsyncVectorEnv([make] * 2), make()
    observations, _ = envs.reset(seed=[5, 6])
    observation, _ = env.reset(seed=6)
    for _ in range(5):
        assert envs.observation_space.contains(observations)
        for name, value in observation.items():
            np.testing.assert_array_equal(observations[name][1], value)
        observations, observation = envs.step(np.stack([ACTION] * 2))[0], env.step(ACTION)[0]
    envs.close()
    env.close()
