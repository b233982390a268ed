"""FrameReplayBuffer in the place of Stable-Baselines3's own buffers."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from sb3_contrib import TQC
from stable_baselines3 import SAC
from stable_baselines3.common.buffers import NStepReplayBuffer
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from semore_gym.policies.replay.frames import FrameReplayBuffer

ACTIONS = spaces.Box(-1, 1, (2,), np.float32)
BOX = spaces.Box(0, 255, (9, 4, 5), np.uint8)


class OneFrame(gym.Env):
    """Two steps an episode, rewards 1 and 2."""

    observation_space, action_space = BOX, ACTIONS

    def reset(self, *, seed=None, options=None):
        self.count = 0
        return np.zeros(BOX.shape, np.uint8), {}

    def step(self, action):
        self.count += 1
        return np.full(BOX.shape, self.count, np.uint8), float(self.count), self.count == 2, False, {}


def test_rewards_are_normalised_as_sb3_does_and_images_are_not():
    vec = VecNormalize(DummyVecEnv([OneFrame]), norm_obs=False)
    mine = FrameReplayBuffer(8, BOX, ACTIONS, "cpu", n_steps=2, gamma=0.5)
    theirs = NStepReplayBuffer(8, BOX, ACTIONS, "cpu", n_steps=2, gamma=0.5)
    vec.reset()
    obs = vec.get_original_obs()
    for _ in range(8):
        _, _, done, infos = vec.step([ACTIONS.sample()])
        following = vec.get_original_obs()
        if done[0]:
            following = infos[0]["terminal_observation"][None]
        for buffer in (mine, theirs):
            buffer.add(obs, following, np.zeros((1, 2)), vec.get_original_reward(), done, infos)
        obs = vec.get_original_obs()
    expected = theirs._get_samples(np.arange(8), vec)
    sampled = mine._get_samples(np.arange(8), vec)
    for name in ("observations", "next_observations", "dones"):
        assert th.equal(getattr(sampled, name), getattr(expected, name)), name
    assert th.allclose(sampled.rewards, expected.rewards)
    assert th.allclose(sampled.discounts, expected.discounts)
    vec.norm_obs = True
    with pytest.raises(ValueError, match="norm_obs=False"):
        mine.sample(2, vec)


class Pictures(gym.Env):
    """Random pictures in the full observation, five steps an episode, by terminations and time-outs."""

    action_space = ACTIONS

    def __init__(self, keys: tuple[str, ...] | None) -> None:
        side = spaces.Box(0, 255, (9, 40, 40), np.uint8)
        parts = {
            "frames": side,
            "residual": spaces.Box(-255, 255, (6, 40, 40), np.int16),
            "mask": spaces.Box(0, 255, (1, 40, 40), np.uint8),
        }
        self.keys = keys
        self.observation_space = side if keys is None else spaces.Dict({key: parts[key] for key in keys})

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.frames, self.count = [self.picture()] * 3, 0
        return self.observe(), {}

    def step(self, action):
        self.frames, self.count = [*self.frames[1:], self.picture()], self.count + 1
        end, ended = self.np_random.random() < 0.5, self.count == 5
        return self.observe(), float(action[0]), bool(ended and end), bool(ended and not end), {}

    def picture(self):
        return self.np_random.integers(0, 256, (3, 40, 40), dtype=np.uint8)

    def observe(self):
        frames = np.concatenate(self.frames)
        residual = frames[3:].astype(np.int16) - frames[:-3]
        parts = {"frames": frames, "residual": residual, "mask": self.picture()[:1]}
        return frames if self.keys is None else {key: parts[key] for key in self.keys}


def learnt(algorithm: type, keys: tuple[str, ...] | None, n_envs: int, **kwargs: Any) -> Any:
    model = algorithm(
        "MlpPolicy" if keys is None else "MultiInputPolicy",
        DummyVecEnv([lambda: Pictures(keys)] * n_envs),
        buffer_size=60,
        learning_starts=20,
        batch_size=8,
        seed=0,
        device="cpu",
        policy_kwargs={"net_arch": [8]},
        **kwargs,
    )
    model.learn(56)
    return model.learn(24)  # leaves an episode unfinished and starts another


@pytest.mark.parametrize("algorithm", [SAC, TQC])
@pytest.mark.parametrize("keys", [None, ("frames", "residual", "mask")])
def test_sb3_learns_bit_for_bit_what_it_learns_from_its_own_buffer(algorithm, keys):
    mine = learnt(algorithm, keys, 1, replay_buffer_class=FrameReplayBuffer)
    theirs = learnt(algorithm, keys, 1)
    for name, value in theirs.policy.state_dict().items():
        assert th.equal(mine.policy.state_dict()[name], value), name


def test_sb3_learns_from_several_environments_and_n_steps():
    kwargs = {"n_steps": 3, "gamma": 0.9, "mask_bits": 1}
    model = learnt(
        SAC, ("frames", "mask"), 2, replay_buffer_class=FrameReplayBuffer, replay_buffer_kwargs=kwargs
    )
    assert model.replay_buffer.sampleable == 60
    assert model.replay_buffer.size() == 30
