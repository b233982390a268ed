"""One action from one observation: onnxruntime on the exported file against torch's predict, one thread."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import onnxruntime
import torch
from gymnasium import spaces

from semore_gym.policies import PRESETS, export_onnx, make_algorithm

ROUNDS, CALLS = 20, 10


class Still(gym.Env[np.ndarray, np.ndarray]):
    """An environment that is looked at only for its spaces."""

    def __init__(self, side: int) -> None:
        images = {"frames": spaces.Box(0, 255, (9, side, side), np.uint8)}
        images["mask"] = spaces.Box(0, 255, (1, side, side), np.uint8)
        self.observation_space = spaces.Dict(images)
        self.action_space = spaces.Box(-1, 1, (2,), np.float32)


def milliseconds(work: Callable[[], Any]) -> float:
    """Mean time of a call in a short series."""
    start = time.perf_counter()
    for _ in range(CALLS):
        work()
    return 1e3 * (time.perf_counter() - start) / CALLS


def compare(algorithm: str, preset: str, side: int, folder: Path) -> None:
    """Print both medians and their ratio; the two take turns, so that a busy machine hits both."""
    env = Still(side)
    model = make_algorithm(algorithm, env, preset=preset, seed=0, buffer_size=100, device="cpu")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(export_onnx(model, folder / "driver.onnx"), options)
    env.observation_space.seed(0)
    seen = env.observation_space.sample()
    frames = seen["frames"][np.newaxis]
    times = [
        (
            milliseconds(lambda: session.run(None, {"frames": frames})),
            milliseconds(lambda: model.predict(seen, deterministic=True)),
        )
        for _ in range(ROUNDS)
    ]
    exported, predict = np.median(times, axis=0)
    print(
        f"{algorithm:7s} {preset:6s} {side:4d} px: onnxruntime {exported:6.2f} ms, "
        f"predict {predict:6.2f} ms, ratio {exported / predict:.2f}",
        flush=True,
    )


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        for algorithm in ("sac", "semore"):
            for preset in PRESETS:
                for side in (84, 128):
                    compare(algorithm, preset, side, Path(folder))


if __name__ == "__main__":
    main()
