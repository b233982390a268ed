"""What names the things in a frame that matter."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import numpy as np
import numpy.typing as npt

Phrases = tuple[str, ...]


class Phraser(Protocol):
    """Names what matters in frames, in phrases for a segmenter to find.

    Attributes:
        identity: All that decides the phrases, for caches: class, model, revision, prompt's digest, settings.
    """

    identity: str

    def __call__(self, frames: npt.NDArray[np.uint8]) -> list[Phrases]:
        """Name what matters in each frame.

        Args:
            frames: (N, 3, H, W) uint8, RGB.

        Returns:
            N tuples of phrases; one is empty where nothing matters, or no usable answer came.
        """

    def counts(self) -> dict[str, float]:
        """What happened since this was made: numbers for a log, `{}` where nothing can go wrong."""


def distinct(phrases: Iterable[str]) -> Phrases:
    """The first of those phrases that differ in upper and lower case alone, in their order."""
    first: dict[str, str] = {}
    for phrase in phrases:
        first.setdefault(phrase.casefold(), phrase)
    return tuple(first.values())
