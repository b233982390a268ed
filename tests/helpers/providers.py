"""Providers and models small enough to compute by hand, picklable by name."""

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from semore_gym.masks.base import Images
from semore_gym.masks.phrasers.base import Phrases


class Threshold:
    """Marks what is brighter than 128; counts the frames that it was asked for."""

    identity = "threshold 1"

    def __init__(self, delay: float = 0.0) -> None:
        self.delay, self.asked, self.failed = delay, 0, 0

    def reset(self, env: gym.Env[Any, Any], rng: np.random.Generator) -> None:
        pass

    def __call__(self, frames: Images) -> Images:
        self.asked += len(frames)
        time.sleep(self.delay)
        return np.where(frames[:, :1] > 128, 255, 0).astype(np.uint8)

    def counts(self) -> dict[str, float]:
        return {"asked": self.asked, "failed": self.failed}


class Moody(Threshold):
    """Does what the pixel in the frame's corner says: 1 raises, 2 hangs, 3 dies, 4 returns nonsense."""

    def __call__(self, frames: Images) -> Any:
        for mood in frames[:, 0, 0, 0]:
            if mood == 1:
                raise RuntimeError("bad mood")
            if mood == 2:
                time.sleep(3600)
            if mood == 3:
                os.kill(os.getpid(), signal.SIGKILL)
            if mood == 4:
                return np.zeros(3)
        return super().__call__(frames)


class Announced(Threshold):
    """Writes its process id into a file, so that a test can kill it, and takes its time."""

    def __init__(self, path: str | Path, delay: float) -> None:
        super().__init__(delay)
        Path(path).write_text(str(os.getpid()))


class Unmakable:
    def __init__(self) -> None:
        raise ValueError("no weights")


class Words:
    """A phraser that says what it was told to, frame by frame."""

    identity = "words"

    def __init__(self, *phrases: Phrases) -> None:
        self.phrases = list(phrases)

    def __call__(self, frames: Images) -> list[Phrases]:
        return self.phrases[: len(frames)]

    def counts(self) -> dict[str, float]:
        return {"asked": 1.0}


class Lines:
    """A segmenter whose logits are the frame's red channel, less 100, times the length of the phrase."""

    identity = "lines"

    def __init__(self) -> None:
        self.calls: list[int] = []

    def __call__(self, frames: Images, phrases: Sequence[Phrases]) -> list[npt.NDArray[np.float32]]:
        self.calls.append(len(frames))
        return [
            np.stack([(frame[0].astype(np.float32) - 100) * len(phrase) / 20 for phrase in some])
            for frame, some in zip(frames, phrases, strict=True)
        ]
