"""Masks by two models: one says what matters in a frame, the other finds it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Literal, get_args

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from semore_gym.masks.base import Images

if TYPE_CHECKING:
    from semore_gym.masks.phrasers.base import Phraser, Phrases
    from semore_gym.masks.segmenters.base import Segmenter

Combine = Literal["sum", "max", "normalised"]

VERSION = 1  # of what is computed here: a new number makes caches forget


class VLMMasks:
    """Knowledge-aware masks of a vision-language model's phrases (Semore, Eq. 2-4).

    The phraser names what matters in each frame, the segmenter gives each phrase y its logits h_y, and the
    mask is the sum over y of sigmoid(h_y). Frames without phrases get zero masks.

    Both models cost something, so that there is no attribute `every`: `SemanticMask` asks at every tenth
    step. Copies share the models and the counts.

    Args:
        phraser: Says what matters, for example `FixedPhrases(("car", "pedestrian"))`.
        segmenter: Finds it.
        combine: `"sum"`, clipped to 1 (the clipping is ours: the paper leaves it open); `"max"` over the
            phrases; `"normalised"`, the sum divided by its own maximum over the frame.

    Raises:
        ValueError: If `combine` is none of these.

    Example:
        >>> from semore_gym.masks.phrasers import FixedPhrases
        >>> from semore_gym.masks.segmenters import SEGMENTERS
        >>> segmenter = SEGMENTERS.load("clipseg")()  # doctest: +SKIP
        >>> masks = VLMMasks(FixedPhrases(("car", "pedestrian")), segmenter)  # doctest: +SKIP
    """

    def __init__(self, phraser: Phraser, segmenter: Segmenter, combine: Combine = "sum") -> None:
        if combine not in get_args(Combine):
            raise ValueError(f"combine must be one of {', '.join(get_args(Combine))}, got {combine!r}")
        self.phraser = phraser
        self.segmenter = segmenter
        self.combine: Combine = combine
        self.identity = f"vlm {VERSION} {combine} [{phraser.identity}] [{segmenter.identity}]"
        self._tally: Counter[str] = Counter()

    def reset(self, env: gym.Env[Any, Any], rng: np.random.Generator) -> None:
        """Nothing to get ready: a mask depends on its frame alone."""

    def __call__(self, frames: Images) -> Images:
        """Make the masks of frames, (N, 3, H, W) uint8; returns (N, 1, H, W) uint8."""
        return self.explain(frames)[0]

    def explain(self, frames: Images) -> tuple[Images, list[Phrases]]:
        """Make masks, and say what they show.

        Args:
            frames: (N, 3, H, W) uint8.

        Returns:
            The masks, (N, 1, H, W) uint8, and the phrases of each frame.
        """
        phrases = self.phraser(frames)
        masks = np.zeros_like(frames[:, :1])
        told = [index for index, some in enumerate(phrases) if some]
        if told:
            logits = self.segmenter(frames[told], [phrases[index] for index in told])
            for index, each in zip(told, logits, strict=True):
                masks[index, 0] = combined(each, self.combine)
        self._tally["frames"] += len(frames)
        self._tally["phrases"] += sum(map(len, phrases))
        self._tally["marked"] += int(np.count_nonzero(masks >= 128))
        self._tally["pixels"] += masks.size
        return masks, phrases

    def counts(self) -> dict[str, float]:
        """What was done since this was made.

        Returns:
            The phraser's own counts; `frames`; `phrases_per_frame`; `coverage`, the fraction of the pixels
            whose mask is at least 128.
        """
        frames, pixels = max(1, self._tally["frames"]), max(1, self._tally["pixels"])
        return {
            **self.phraser.counts(),
            "frames": self._tally["frames"],
            "phrases_per_frame": self._tally["phrases"] / frames,
            "coverage": self._tally["marked"] / pixels,
        }


def combined(logits: npt.NDArray[np.float32], combine: Combine = "sum") -> npt.NDArray[np.uint8]:
    """One mask of the logits of several phrases (Eq. 4).

    Args:
        logits: (P, H, W), P at least 1.
        combine: See `VLMMasks`.

    Returns:
        (H, W) uint8, 255 = 1.0, rounded to the nearest.
    """
    chances = 0.5 * (1.0 + np.tanh(0.5 * logits))  # the sigmoid, which never overflows in this form
    mask = chances.max(axis=0) if combine == "max" else chances.sum(axis=0)
    if combine == "normalised":
        mask = mask / max(float(mask.max()), 1e-8)
    quantised: npt.NDArray[np.uint8] = np.round(255.0 * np.minimum(mask, 1.0)).astype(np.uint8)
    return quantised
