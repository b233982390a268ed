"""Masks by a small network that learned on the embedded simulator: imperfect, and without a download."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from semore_gym.masks.base import Images
from semore_gym.masks.vlm import FLOOR, LEAST_PEAK, check_combination, combined
from semore_gym.tags import PEOPLE, VEHICLES, SemanticTag

CLASSES = {"vehicles": VEHICLES, "people": PEOPLE, "lane marks": frozenset({SemanticTag.ROAD_LINE})}


class LearnedMasks:
    """Marks vehicles and people, as far as a U-Net of 82,000 parameters tells them.

    It was trained on the embedded simulator's own segmentation (examples/train_segmenter.py makes it again),
    and errs as a segmenter does that is good but not perfect: it misses what is small, far or dark. On
    CARLA's pictures it was never tried. docs/masks.md has its accuracy.

    Args:
        lane_marks: Whether lane marks matter too.
        floor: Probability that is taken off each class, see `VLMMasks`.
        least_peak: Probability that some pixel must reach, else the mask is zero.

    Raises:
        ValueError: If a number is not in [0, 1).

    Example:
        >>> LearnedMasks()(np.zeros((2, 3, 64, 64), np.uint8)).shape
        (2, 1, 64, 64)
    """

    every: ClassVar[int] = 1

    def __init__(
        self, *, lane_marks: bool = False, floor: float = FLOOR, least_peak: float = LEAST_PEAK
    ) -> None:
        check_combination("max", floor, least_peak)
        self._marked = [i for i, name in enumerate(CLASSES) if lane_marks or name != "lane marks"]
        self._floor, self._least_peak = floor, least_peak
        from semore_gym.masks.segmentation_net import SegmentationNet  # torch is slow to import

        self._net = SegmentationNet.trained(len(CLASSES))

    def reset(self, env: gym.Env[Any, Any], rng: np.random.Generator) -> None:
        """Nothing to get ready: a mask depends on its frame alone."""

    def __call__(self, frames: Images) -> Images:
        """Make the masks of frames, (N, 3, H, W) uint8; returns (N, 1, H, W) uint8."""
        logits = self._net.logits(frames)[:, self._marked]
        return np.stack([combined(each, "max", self._floor, self._least_peak) for each in logits])[:, None]
