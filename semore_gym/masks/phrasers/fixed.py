"""The same phrases for every frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from semore_gym.masks.phrasers.base import Phrases, distinct


class FixedPhrases:
    """Names the same things in every frame, without looking: the cheapest phraser and the plainest control.

    Args:
        phrases: What to name; of those that differ in upper and lower case alone, the first counts.

    Raises:
        ValueError: If `phrases` is empty or not a sequence of non-empty strings.

    Example:
        >>> import numpy as np
        >>> FixedPhrases(["car", "pedestrian"])(np.zeros((2, 3, 84, 84), np.uint8))
        [('car', 'pedestrian'), ('car', 'pedestrian')]
    """

    def __init__(self, phrases: Sequence[str] = ("car", "pedestrian")) -> None:
        if isinstance(phrases, str) or not phrases or not all(isinstance(p, str) and p for p in phrases):
            raise ValueError(f"phrases must be a sequence of non-empty strings, got {phrases!r}")
        self.phrases = distinct(phrases)
        self.identity = f"fixed {self.phrases!r}"

    def __call__(self, frames: npt.NDArray[np.uint8]) -> list[Phrases]:
        """Give the phrases once for each of the frames, (N, 3, H, W) uint8."""
        return [self.phrases] * len(frames)

    def counts(self) -> dict[str, float]:
        """Nothing can go wrong, so there is nothing to count."""
        return {}
