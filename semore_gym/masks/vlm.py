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

FLOOR, LEAST_PEAK = 0.2, 0.35  # probabilities
VERSION = 3  # of what is computed here and by our segmenters: a new number makes caches forget


class VLMMasks:
    """Knowledge-aware masks of a vision-language model's phrases (Semore, Eq. 2-4).

    The phraser names what matters in each frame, the segmenter gives each phrase y its logits h_y, and the
    mask is the sum over y of sigmoid(h_y). Frames without phrases get zero masks.

    Segmenters see a little of everything everywhere, and L_S-G, which is relative to the size of H^, takes
    such a haze as seriously as an object. So what is below `floor` is taken off each phrase, and a mask in
    which nothing is found is zero: nothing known (both ours; 0 and 0 give Eq. 4 to the letter).

    Both models cost something, so that there is no attribute `every`: `SemanticMask` asks at every tenth
    step. Copies share the models and the counts.

    Args:
        phraser: Says what matters, for example `FixedPhrases(("car", "pedestrian"))`.
        segmenter: Finds it.
        combine: `"sum"`, clipped to 1 (the clipping is ours: the paper leaves it open); `"max"` over the
            phrases; `"normalised"`, the sum divided by its own maximum over the frame.
        floor: f in p -> max(0, (p - f) / (1 - f)), which each phrase's probability p = sigmoid(h_y) becomes.
        least_peak: The probability p that some phrase must reach at some pixel; else the mask is zero.

    Raises:
        ValueError: If `combine` is none of these, or a number is not in [0, 1).

    Example:
        >>> from semore_gym.masks.phrasers import FixedPhrases
        >>> from semore_gym.masks.segmenters import SEGMENTERS
        >>> segmenter = SEGMENTERS.load("clipseg")()  # doctest: +SKIP
        >>> masks = VLMMasks(FixedPhrases(("car", "pedestrian")), segmenter)  # doctest: +SKIP
    """

    def __init__(
        self,
        phraser: Phraser,
        segmenter: Segmenter,
        combine: Combine = "sum",
        floor: float = FLOOR,
        least_peak: float = LEAST_PEAK,
    ) -> None:
        check_combination(combine, floor, least_peak)
        self.phraser = phraser
        self.segmenter = segmenter
        self.combine: Combine = combine
        self.floor, self.least_peak = floor, least_peak
        self.identity = (
            f"vlm {VERSION} {combine} {floor} {least_peak} [{phraser.identity}] [{segmenter.identity}]"
        )
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
                masks[index, 0] = combined(each, self.combine, self.floor, self.least_peak)
        self._tally["frames"] += len(frames)
        self._tally["phrases"] += sum(map(len, phrases))
        marked = masks >= 128
        self._tally["blank"] += len(masks) - int(masks.any(axis=(1, 2, 3)).sum())
        self._tally["marked"] += int(np.count_nonzero(marked))
        self._tally["haze"] += int(masks[~marked].sum(dtype=np.int64))
        self._tally["pixels"] += masks.size
        return masks, phrases

    def counts(self) -> dict[str, float]:
        """What was done since this was made.

        Returns:
            The phraser's own counts; `frames`; `phrases_per_frame`; `blank`, the fraction of the frames whose
            mask is zero; `coverage`, the fraction of the pixels whose mask is at least 128, and `background`,
            the mean in [0, 1] of all the others.
        """
        frames, pixels = max(1, self._tally["frames"]), max(1, self._tally["pixels"])
        unmarked = max(1, pixels - self._tally["marked"])
        return {
            **self.phraser.counts(),
            "frames": self._tally["frames"],
            "phrases_per_frame": self._tally["phrases"] / frames,
            "blank": self._tally["blank"] / frames,
            "coverage": self._tally["marked"] / pixels,
            "background": self._tally["haze"] / 255 / unmarked,
        }


def combined(
    logits: npt.NDArray[np.float32],
    combine: Combine = "sum",
    floor: float = FLOOR,
    least_peak: float = LEAST_PEAK,
) -> npt.NDArray[np.uint8]:
    """One mask of the logits of several phrases (Eq. 4).

    Args:
        logits: (P, H, W), P at least 1.
        combine: See `VLMMasks`, as for the others.
        floor: Probability that is taken off each phrase.
        least_peak: Probability that one must reach.

    Returns:
        (H, W) uint8, 255 = 1.0, rounded to the nearest.
    """
    chances = 0.5 * (1.0 + np.tanh(0.5 * logits))  # the sigmoid, which never overflows in this form
    if chances.max() < least_peak:
        return np.zeros(logits.shape[1:], np.uint8)
    chances = np.maximum(0.0, (chances - floor) / (1.0 - floor))
    mask = chances.max(axis=0) if combine == "max" else chances.sum(axis=0)
    if combine == "normalised":
        mask = mask / max(float(mask.max()), 1e-8)
    quantised: npt.NDArray[np.uint8] = np.round(255.0 * np.minimum(mask, 1.0)).astype(np.uint8)
    return quantised


def check_combination(combine: str, floor: float, least_peak: float) -> None:
    """Check how phrases are to become one mask.

    Raises:
        ValueError: If `combine` is unknown, or a number is not in [0, 1).
    """
    if combine not in get_args(Combine):
        raise ValueError(f"combine must be one of {', '.join(get_args(Combine))}, got {combine!r}")
    for name, value in {"floor": floor, "least_peak": least_peak}.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0.0 <= value < 1.0:
            raise ValueError(f"{name} must be a number in [0, 1), got {value!r}")
