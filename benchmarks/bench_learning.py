"""Gradient updates per second of VisualSAC beside Stable-Baselines3's SAC with the same encoder, batch 128.

Both learn from the same transitions with networks of the same sizes. VisualSAC updates actor and targets at
every update here, as SAC does, so that no pass is saved by doing more seldom what SAC always does. SAC runs
twice: in the memory layout that Stable-Baselines3 gives images (NCHW), and in VisualSAC's (channels_last).
"""

import sys
import time

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from passes import count_passes
from stable_baselines3 import SAC
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

from semore_gym.policies import PRESETS, VisualSAC
from semore_gym.policies.encoders.base import PixelEncoder

BATCH, TRANSITIONS, ROUNDS = 128, 256, 3


class Frames(gym.Env):
    """Random frames of one size."""

    def __init__(self, size):
        self.observation_space = spaces.Box(0, 255, (9, size, size), np.uint8)
        self.action_space = spaces.Box(-1, 1, (2,), np.float32)


class PixelExtractor(BaseFeaturesExtractor):
    """The same encoder as one of Stable-Baselines3's extractors."""

    def __init__(self, observation_space, channels_last, **kwargs):
        encoder = PixelEncoder(observation_space.shape, **kwargs)
        super().__init__(observation_space, encoder.features_dim)
        self.encoder = encoder
        self.channels_last = channels_last
        if not channels_last:
            self.encoder.to(memory_format=torch.contiguous_format)

    def forward(self, observations):
        inputs = self.encoder.prepare(observations) if self.channels_last else (observations,)
        return self.encoder.head(self.encoder.mix(self.encoder.convolve(inputs)))


def sb3_sac(size, preset, channels_last, **arguments):
    policy_kwargs = {
        "net_arch": preset["net_arch"],
        "features_extractor_class": PixelExtractor,
        "features_extractor_kwargs": {"channels_last": channels_last, **preset["encoder_kwargs"]},
    }
    return SAC("CnnPolicy", Frames(size), policy_kwargs=policy_kwargs, **arguments)


def build(size, preset):
    arguments = {"buffer_size": TRANSITIONS, "batch_size": BATCH, "seed": 0}
    every = {"actor_every": 1, "target_every": 1}
    models = {
        "VisualSAC": VisualSAC(
            "VisualPolicy", Frames(size), policy_kwargs=dict(preset), **every, **arguments
        ),
        "SB3 SAC": sb3_sac(size, preset, channels_last=False, **arguments),
        "SB3 SAC, channels_last": sb3_sac(size, preset, channels_last=True, **arguments),
    }
    rng = np.random.default_rng(0)
    stacks = rng.integers(0, 256, (TRANSITIONS + 3, 3, size, size), np.uint8)
    for i in range(TRANSITIONS):
        pair = stacks[i : i + 4].reshape(1, 12, size, size)
        action, reward = rng.uniform(-1, 1, (1, 2)).astype(np.float32), rng.normal(size=1)
        for model in models.values():
            model.replay_buffer.add(pair[:, :9], pair[:, 3:], action, reward, np.zeros(1), [{}])
    for model in models.values():
        model.set_logger(Logger(None, []))
    return models


def seconds(model, updates):
    start = time.perf_counter()
    model.train(updates, BATCH)
    return (time.perf_counter() - start) / updates


def report(name, size):
    models = build(size, PRESETS[name])
    passes = {label: count_passes(model, BATCH) for label, model in models.items()}
    times = {label: [] for label in models}
    for _ in range(ROUNDS):  # in turns, so that a busy machine slows all of them
        for label, model in models.items():
            times[label].append(seconds(model, 1 if name == "paper" else 4))
    ours = min(times["VisualSAC"])
    for label in models:
        best = min(times[label])
        counted = f"encoder passes {passes[label]['forward']} forward {passes[label]['backward']} backward"
        print(f"{name:6s}{size:4d}  {label:23s}{1 / best:8.3f} updates/s  {best / ours:5.2f} x  {counted}")


def main(names):
    print(f"{torch.get_num_threads()} threads, best of {ROUNDS} rounds; x = gain of VisualSAC")
    for name in names:
        for size in (84, 128):
            report(name, size)


if __name__ == "__main__":
    main(sys.argv[1:] or ["paper"])
