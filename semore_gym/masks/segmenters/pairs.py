"""What all segmenters share: pairs of a frame and a phrase, in batches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from semore_gym.masks.segmenters.base import Phrasing
from semore_gym.vlm.pretrained import torch_device, torch_dtype


class PairSegmenter(ABC):
    """Runs a model on every pair of a frame and one of its phrases, a batch of pairs at a time.

    Args:
        device: Where the model runs; `"auto"` is the GPU where there is one.
        dtype: What it computes in: `"float32"`, `"bfloat16"` or `"float16"`.
        batch_size: Most pairs at once; bounds the memory.

    Raises:
        ValueError: If an argument is out of range.
    """

    phrasing: ClassVar[Phrasing] = "noun"
    identity: str

    def __init__(self, device: str, dtype: str, batch_size: int) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size!r}")
        self.device = torch_device(device)
        self.dtype = torch_dtype(dtype)
        self.batch_size = batch_size

    @abstractmethod
    def _logits(self, frames: Tensor, phrases: list[str], frame_of: Tensor, phrase_of: Tensor) -> Tensor:
        """Segment a batch of pairs.

        Args:
            frames: (N, 3, H, W) uint8, no two of the same index.
            phrases: V different phrases.
            frame_of: (P,) int64, each pair's frame.
            phrase_of: (P,) int64, each pair's phrase.

        Returns:
            (P, H, W) float32.
        """

    def __call__(
        self, frames: npt.NDArray[np.uint8], phrases: Sequence[tuple[str, ...]]
    ) -> list[npt.NDArray[np.float32]]:
        """Segment each frame by its own phrases.

        Args:
            frames: (N, 3, H, W) uint8.
            phrases: N tuples of phrases; a tuple may be empty.

        Returns:
            N arrays, (P_i, H, W) float32, of logits on the frames' own pixel grid.

        Raises:
            ValueError: If the frames are of another shape or type, or not as many as the tuples.
        """
        _check(frames, phrases)
        pairs = [(frame, phrase) for frame, some in enumerate(phrases) for phrase in some]
        logits = np.empty((len(pairs), *frames.shape[2:]), np.float32)
        with torch.inference_mode():
            for start in range(0, len(pairs), self.batch_size):
                chunk = slice(start, start + self.batch_size)
                logits[chunk] = self._batch(frames, pairs[chunk]).cpu().numpy()
        return np.split(logits, np.cumsum([len(some) for some in phrases])[:-1]) if len(phrases) else []

    def _batch(self, frames: npt.NDArray[np.uint8], pairs: list[tuple[int, str]]) -> Tensor:
        """Hand each frame and each phrase of the pairs over once; (P, H, W) float32."""
        seen = sorted({frame for frame, _ in pairs})
        said = list(dict.fromkeys(phrase for _, phrase in pairs))
        return self._logits(
            torch.from_numpy(frames[seen]).to(self.device),
            said,
            torch.tensor([seen.index(frame) for frame, _ in pairs], device=self.device),
            torch.tensor([said.index(phrase) for _, phrase in pairs], device=self.device),
        )


def _check(frames: npt.NDArray[np.uint8], phrases: Sequence[tuple[str, ...]]) -> None:
    if frames.ndim != 4 or frames.shape[1] != 3 or frames.dtype != np.uint8:
        raise ValueError(f"frames must be (N, 3, H, W) uint8, got {frames.shape} {frames.dtype}")
    if len(phrases) != len(frames):
        raise ValueError(
            f"phrases must have a tuple for each of the {len(frames)} frames, got {len(phrases)}"
        )
