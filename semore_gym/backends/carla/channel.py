"""Requests and answers between the environment's process and the client's, both ours.

Messages are pickled objects over a loopback connection that a secret opens; pictures go through a file that
both processes have mapped.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
import numpy.typing as npt

from semore_gym.backends.base import CHASE_SHAPE, CameraConfig, Image

MEMORY = Path("/dev/shm")  # where files are memory, on Linux


@dataclass(frozen=True)
class Failed:
    """An answer that is no answer.

    Attributes:
        reason: What went wrong, in words.
        final: Whether trying again is of no use.
    """

    reason: str
    final: bool


class SharedPictures:
    """One array a kind of picture, in a file that two processes map.

    Args:
        camera: The roof camera.
        path: The file that the other process made; None makes one.
    """

    def __init__(self, camera: CameraConfig, path: str | None = None) -> None:
        size = (camera.height, camera.width)
        layout: dict[str, tuple[tuple[int, ...], type]] = {
            "depth": (size, np.float32),
            "rgb": ((*size, 3), np.uint8),
            "segmentation": (size, np.uint8),
            "chase": (CHASE_SHAPE, np.uint8),
        }
        total = sum(prod(shape) * np.dtype(dtype).itemsize for shape, dtype in layout.values())
        if path is None:
            path = self._make(total)
        self.path = path
        self._bytes = np.memmap(path, np.uint8, "r+", shape=(total,))
        self._arrays: dict[str, npt.NDArray[np.generic]] = {}
        start = 0
        for kind, (shape, dtype) in layout.items():
            stop = start + prod(shape) * np.dtype(dtype).itemsize
            self._arrays[kind] = self._bytes[start:stop].view(dtype).reshape(shape)
            start = stop

    @staticmethod
    def _make(size: int) -> str:
        folder = MEMORY if MEMORY.is_dir() else None
        handle, path = tempfile.mkstemp(prefix="semore-", dir=folder)
        os.truncate(handle, size)
        os.close(handle)
        return path

    def write(self, kind: str, image: Image) -> None:
        """Put a picture where the other process reads it."""
        self._arrays[kind][...] = image

    def read(self, kind: str) -> Image:
        """Copy the picture that the other process wrote last."""
        return np.array(self._arrays[kind])

    def remove(self) -> None:
        """Take the file's name away; the memory goes with the last process that maps it."""
        Path(self.path).unlink(missing_ok=True)
