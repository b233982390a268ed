"""Bytes per transition of FrameReplayBuffer, and milliseconds to sample a batch of 128, at 128x128."""

from __future__ import annotations

import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces

from semore_gym.policies import FrameReplayBuffer

SIDE, HISTORY, BATCH, STEPS = 128, 3, 128, 5000
FRAMES = spaces.Box(0, 255, (3 * HISTORY, SIDE, SIDE), np.uint8)
MASK = spaces.Box(0, 255, (1, SIDE, SIDE), np.uint8)
RESIDUAL = spaces.Box(-255, 255, (3 * (HISTORY - 1), SIDE, SIDE), np.int16)
SPACE = spaces.Dict({"frames": FRAMES, "residual": RESIDUAL, "mask": MASK})
ACTIONS = spaces.Box(-1, 1, (2,), np.float32)
FRAME_BYTES = 3 * SIDE * SIDE + SIDE * SIDE // 8  # a frame and its 1-bit mask


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def observe(frames: list[np.ndarray], mask: np.ndarray) -> dict[str, np.ndarray]:
    stack = np.concatenate(frames)[None]
    return {"frames": stack, "residual": stack[:, 3:].astype(np.int16) - stack[:, :-3], "mask": mask[None]}


def fill(buffer: FrameReplayBuffer, episode: int) -> float:
    """Add transitions in episodes of that length; give the seconds an add takes."""
    pictures = np.random.default_rng(0).integers(0, 256, (64, 3, SIDE, SIDE), dtype=np.uint8)
    mask, spent = np.full((1, SIDE, SIDE), 255, np.uint8), 0.0
    for step in range(STEPS):
        if step % episode == 0:
            frames = [pictures[step % 64]] * HISTORY
        obs = observe(frames, mask)
        frames = [*frames[1:], pictures[(step + 1) % 64]]
        next_obs, done = observe(frames, mask), np.array([(step + 1) % episode == 0])
        start = time.perf_counter()
        buffer.add(obs, next_obs, np.zeros((1, 2), np.float32), np.ones(1), done, [{}])
        spent += time.perf_counter() - start
    return spent / STEPS


def milliseconds(work: Callable[[], Any]) -> float:
    """Median of 30 runs."""
    times = []
    for _ in range(30):
        start = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - start))
    return float(np.median(times))


def report_bytes(episode: int) -> None:
    before = resident()
    buffer = FrameReplayBuffer(STEPS, SPACE, ACTIONS, "cpu", mask_bits=1)
    seconds = fill(buffer, episode)
    taken, needed = (resident() - before) / STEPS, FRAME_BYTES * (episode + 1) / episode
    print(
        f"episodes of {episode:3d} steps: {taken:7.0f} bytes a transition in memory "
        f"({buffer.nbytes / STEPS:7.0f} allocated), {taken / needed:.3f} x the frames needed, "
        f"{taken / FRAME_BYTES:.3f} x one frame and mask; add {1e3 * seconds:.2f} ms",
        flush=True,
    )


def report_times() -> None:
    buffer = FrameReplayBuffer(STEPS, SPACE, ACTIONS, "cpu", mask_bits=1)
    fill(buffer, 250)
    print(f"sample_frames({BATCH}) {milliseconds(lambda: buffer.sample_frames(BATCH)):6.2f} ms (at most 15)")
    print(f"sample({BATCH})        {milliseconds(lambda: buffer.sample(BATCH)):6.2f} ms (at most 40)")


def main() -> None:
    for work, *arguments in ((report_bytes, 1), (report_bytes, 10), (report_bytes, 250), (report_times,)):
        process = get_context("spawn").Process(target=work, args=arguments)  # whose memory nobody used before
        process.start()
        process.join()
        if process.exitcode:
            raise SystemExit(process.exitcode)


if __name__ == "__main__":
    main()
