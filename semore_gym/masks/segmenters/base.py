"""What turns a phrase into a place in the image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

Phrasing = Literal["noun", "referring"]


class Segmenter(Protocol):
    """Finds what phrases name in frames, as logits: the sigmoid of one is the probability of its pixel.

    A class may say which phrases it understands best by an attribute `phrasing`, which chooses what a chat
    model is asked for: `"noun"`, names of one to three words ("red car"), also where there is none, or
    `"referring"`, expressions that say which one of several ("the red car in the left lane").

    Attributes:
        identity: All that decides the logits, for caches: class, model, revision, settings.
    """

    identity: str

    def __call__(
        self, frames: npt.NDArray[np.uint8], phrases: Sequence[tuple[str, ...]]
    ) -> list[npt.NDArray[np.float32]]:
        """Segment each frame by its own phrases.

        Args:
            frames: (N, 3, H, W) uint8.
            phrases: N tuples of phrases, (P_1, ..., P_N) of them; a tuple may be empty.

        Returns:
            N arrays, (P_i, H, W) float32, on the frames' own pixel grid.
        """
