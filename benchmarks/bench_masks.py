"""What masks add to a training's wall time: none, from a warm cache, and made beside the training.

The model is simulated: it takes a second for a batch. Ratios of one run; the three trainings take turns.
"""

from __future__ import annotations

import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch

from semore_gym import make_env
from semore_gym.masks import AsyncMasks, CachedMasks, MaskProvider
from semore_gym.policies import LateMasks, make_algorithm

LATENCY = 1.0  # of a batch [s]
ROUNDS = 3


class SlowMasks:
    """Marks what is bright, after `LATENCY`."""

    identity = "slow 1"

    def reset(self, env, rng):
        pass

    def __call__(self, frames):
        time.sleep(LATENCY)
        return np.where(frames[:, :1] > 128, 255, 0).astype(np.uint8)


def train(steps: int, masks: str | MaskProvider, late: AsyncMasks | None = None) -> float:
    """Seconds of a training, of which half is learning; the environment and the agent are made before."""
    env = make_env("SemoreCarla-HighWay-v0", masks=masks, image_size=48, every=10)
    model = make_algorithm(
        "semore", env, preset="light", seed=0, learning_starts=steps // 2, batch_size=32, device="cpu"
    )
    start = time.perf_counter()
    model.learn(steps, LateMasks(late, every=10) if late else None)
    seconds = time.perf_counter() - start
    env.close()
    return seconds


def main(steps: int = 1000) -> None:
    torch.set_num_threads(1)
    seconds: dict[str, list[float]] = {"none": [], "cached": [], "asynchronous": []}
    with tempfile.TemporaryDirectory() as folder:
        cached = partial(CachedMasks, SlowMasks(), Path(folder))
        print(f"filling the cache takes {train(steps, cached()):.0f} s")
        with AsyncMasks(SlowMasks) as late:
            late.submit(np.zeros(1, np.int64), np.zeros((1, 3, 48, 48), np.uint8))  # starts the process
            while not late.counts()["made"]:
                time.sleep(0.1)
            for _ in range(ROUNDS):
                seconds["none"].append(train(steps, "none"))
                warm = cached()
                seconds["cached"].append(train(steps, warm))
                seconds["asynchronous"].append(train(steps, "none", late))
            print("cache:", {key: int(n) for key, n in warm.counts().items()})
            print("asynchronous:", {key: int(n) for key, n in late.counts().items()})
    base = min(seconds["none"])  # the least disturbed
    for name, values in seconds.items():
        rounds = " ".join(f"{value:.2f}" for value in values)
        print(f"{name:>12}  {min(values):6.2f} s  {min(values) / base:5.2f} of none  (rounds: {rounds})")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
