"""Frames with more channels than a side has pixels, which Stable-Baselines3 takes for channels last."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from stable_baselines3 import SAC
from stable_baselines3.common.vec_env import DummyVecEnv, VecFrameStack, VecTransposeImage

from semore_gym.evaluation import evaluate
from semore_gym.make_env import observe
from semore_gym.policies import SemoreExtractor, VisualSAC, make_algorithm
from semore_gym.wrappers import FrameHistory

SIZES = [(33, 60), (60, 33), (33, 33), (31, 47)]


class Pictures(gym.Env):
    """Noise that is one picture of some size."""

    def __init__(self, *shape):
        self.observation_space = spaces.Box(0, 255, shape, np.uint8)
        self.action_space = spaces.Box(-1, 1, (2,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.observation_space.seed(seed)
        self.steps = 0
        return self.observation_space.sample(), {}

    def step(self, action):
        self.steps += 1
        return self.observation_space.sample(), float(action[0]), False, self.steps == 4, {}


def extractor(**kwargs):
    kwargs = {"channels": (4, 4, 4, 4), **kwargs}
    return {
        "features_extractor_class": SemoreExtractor,
        "features_extractor_kwargs": kwargs,
        "net_arch": [16],
    }


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("masks", [None, "none"])
@pytest.mark.parametrize("residual", [False, True])
def test_our_algorithms_see_the_frames_as_they_are(size, masks, residual, small, tmp_path):
    env = observe(Pictures(*size, 3), frames=12, masks=masks, residual=residual)
    name = "semore" if masks else "sac"
    model = make_algorithm(name, env, **{**small, "learning_starts": 6, "batch_size": 4}).learn(12)
    assert model.observation_space == env.observation_space
    assert model._n_updates > 0
    assert model.transitions.sample_frames(4).frames.shape == (4, 36, *size)
    model.save(tmp_path / "model.zip")
    loaded = type(model).load(tmp_path / "model.zip", env=env)
    observation, _ = env.reset(seed=0)
    np.testing.assert_array_equal(*(m.predict(observation, deterministic=True)[0] for m in (model, loaded)))
    assert evaluate(model, env, episodes=1).rows == evaluate(model, loaded.env, episodes=1).rows


def test_pictures_that_are_channels_last_are_transposed_as_ever(small):
    assert VisualSAC("VisualPolicy", Pictures(33, 60, 3), **small).observation_space.shape == (3, 33, 60)
    stacked = VecFrameStack(DummyVecEnv([lambda: Pictures(33, 60, 3)]), 4)
    assert VisualSAC("VisualPolicy", stacked, **small).observation_space.shape == (12, 33, 60)


def test_what_may_be_either_is_refused_until_somebody_says(small):
    env = DummyVecEnv([lambda: Pictures(36, 60, 33)])
    with pytest.raises(ValueError, match=r"\(36, 60, 33\) may be channels first or last: .*Frame"):
        VisualSAC("VisualPolicy", env, **small)
    for skip, shape in ((True, (36, 60, 33)), (False, (33, 36, 60))):
        model = VisualSAC("VisualPolicy", VecTransposeImage(env, skip=skip), **small)
        assert model.observation_space.shape == shape


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("residual", [False, True])
def test_in_others_algorithms_the_extractor_refuses_transposed_frames(size, residual):
    env = observe(Pictures(*size, 3), frames=12, masks=None, residual=residual)
    policy = "MultiInputPolicy" if residual else "CnnPolicy"
    settings = {"buffer_size": 20, "device": "cpu"}
    with pytest.raises(ValueError, match=r"look like 12 frames .*transposed.*skip=True.*'frames': 12"):
        SAC(policy, env, policy_kwargs=extractor(), **settings)
    with pytest.raises(ValueError, match=r"frames=12 must be a third of the channels in .*skip=True"):
        SAC(policy, env, policy_kwargs=extractor(frames=12), **settings)
    kept = VecTransposeImage(DummyVecEnv([lambda: env]), skip=True)
    model = SAC(policy, kept, policy_kwargs=extractor(frames=12), **settings)
    assert model.observation_space == env.observation_space


def test_many_frames_of_large_pictures_need_a_word_of_their_number():
    env = FrameHistory(Pictures(84, 84, 3), 8)
    with pytest.raises(ValueError, match="if they are 8 frames, say that"):
        SemoreExtractor(env.observation_space, **extractor()["features_extractor_kwargs"])
    SemoreExtractor(env.observation_space, channels=(4, 4, 4, 4), frames=8)
