import copy
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

import semore_gym
from helpers.dots import DOT_BAR, PointAtDot, dot_reward, learn_dot
from semore_gym.policies import VisualSAC
from semore_gym.policies.replay.samples import FrameBatch
from semore_gym.scenarios import SCENARIOS

SMALL = {"net_arch": [32, 32], "encoder_kwargs": {"channels": (8, 8, 8, 8), "stream_dim": 16}}


@pytest.fixture
def make_env() -> type[PointAtDot]:
    return PointAtDot


@pytest.fixture
def small() -> dict[str, Any]:
    """Arguments of a small, quick algorithm."""
    sizes = {"learning_starts": 20, "batch_size": 16, "buffer_size": 500, "warm_up_updates": 0}
    return {"policy_kwargs": copy.deepcopy(SMALL), **sizes, "seed": 0, "device": "cpu"}


@cache
def _real_batch(scenario: str, size: int, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Frames and masks of steps at moderate throttle, each of which has a mask."""
    env = semore_gym.make_env(f"SemoreCarla-{scenario}-v0", masks="oracle", image_size=size)
    frames, masks = [], []
    observation, _ = env.reset(seed=0)
    while len(frames) < count:
        observation, _, terminated, truncated, _ = env.step(np.array([0.0, 0.4], np.float32))
        if observation["mask"].any():
            frames.append(torch.from_numpy(observation["frames"]))
            masks.append(torch.from_numpy(observation["mask"]))
        if terminated or truncated:
            observation, _ = env.reset()
    env.close()
    return torch.stack(frames), torch.stack(masks)


@pytest.fixture(scope="session")
def real_batches() -> Callable[..., list[tuple[torch.Tensor, torch.Tensor]]]:
    """Frames (B, 9, H, W) and masks (B, 1, H, W) of each scenario, at a side of `size`."""

    def make(size: int, count: int = 32) -> list[tuple[torch.Tensor, torch.Tensor]]:
        return [_real_batch(scenario, size, count) for scenario in SCENARIOS]

    return make


@pytest.fixture
def make_batch() -> Callable[..., FrameBatch]:
    """A batch of noise; the first half of its samples has masks."""

    def make(size: int = 48, batch: int = 8, n_steps: int = 1, seed: int = 0) -> FrameBatch:
        rng = torch.Generator().manual_seed(seed)

        def images(channels: int) -> torch.Tensor:
            return torch.randint(0, 256, (batch, channels, size, size), dtype=torch.uint8, generator=rng)

        masks = (images(1) > 128).to(torch.uint8) * 255
        masks[batch // 2 :] = 0
        next_frames = images(9)
        return FrameBatch(
            frames=images(9),
            next_frames=next_frames,
            masks=masks,
            actions=torch.rand(batch, 2, generator=rng) * 2 - 1,
            rewards=torch.randn(batch, 1, generator=rng),
            dones=(torch.rand(batch, 1, generator=rng) < 0.2).float(),
            discounts=torch.full((batch, 1), 0.99**n_steps),
            step_rewards=torch.randn(batch, 1, generator=rng),
            step_next_frames=next_frames if n_steps == 1 else images(9),
            ids=torch.arange(batch),
            one_step=n_steps == 1,
        )

    return make


@pytest.fixture(name="learn_dot")
def _learn_dot() -> Callable[..., VisualSAC]:
    return learn_dot


@pytest.fixture(name="dot_reward")
def _dot_reward() -> Callable[..., float]:
    return dot_reward


@pytest.fixture
def dot_bar() -> float:
    """Mean reward that an algorithm must exceed after `learn_dot`."""
    return DOT_BAR
