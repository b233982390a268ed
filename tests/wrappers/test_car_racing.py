"""The wrappers on an environment that is not ours."""

import gymnasium as gym
import numpy as np
import pytest

from semore_gym.make_env import make_env
from semore_gym.masks import NoMasks
from semore_gym.wrappers import FrameHistory, ResidualFrames, SemanticMask


@pytest.fixture
def env():
    env = SemanticMask(ResidualFrames(FrameHistory(gym.make("CarRacing-v3"))), NoMasks())
    yield env
    env.close()


def test_frames_and_residuals_of_a_drive(env):
    plain = gym.make("CarRacing-v3")
    frames = [plain.reset(seed=3)[0]] * 3
    observation, _ = env.reset(seed=3)
    for _ in range(10):
        assert env.observation_space.contains(observation)
        stack = np.concatenate([frame.transpose(2, 0, 1) for frame in frames[-3:]])
        np.testing.assert_array_equal(observation["frames"], stack)
        np.testing.assert_array_equal(observation["residual"], stack[3:].astype(int) - stack[:-3].astype(int))
        action = np.array([0.2, 0.6, 0.0], np.float32)
        frames.append(plain.step(action)[0])
        observation = env.step(action)[0]
    assert observation["residual"].any()
    plain.close()


def test_the_spec_rebuilds_the_whole_stack(env):
    again = gym.make(env.spec)
    assert again.observation_space == env.observation_space
    np.testing.assert_array_equal(again.reset(seed=1)[0]["frames"], env.reset(seed=1)[0]["frames"])
    again.close()


def test_the_oracle_needs_a_segmentation():
    env = make_env("CarRacing-v3", masks="oracle")
    with pytest.raises(TypeError, match=r"segmentation\(\).*CarRacing has none"):
        env.reset(seed=0)
    env.close()
