"""Masks by a small network that learned on the embedded simulator: imperfect, and without a download."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

from semore_gym.masks.base import Images
from semore_gym.masks.vlm import FLOOR, LEAST_PEAK, check_combination, combined
from semore_gym.tags import PEOPLE, VEHICLES, SemanticTag

WEIGHTS = Path(__file__).with_name("learned.safetensors")
CLASSES = {"vehicles": VEHICLES, "people": PEOPLE, "lane marks": frozenset({SemanticTag.ROAD_LINE})}
STRIDE = 4  # of the coarsest maps


class SegmentationNet(nn.Module):
    """A U-Net of three scales, one logit for each class in `CLASSES`."""

    def __init__(self) -> None:
        super().__init__()
        self.fine = _block(3, 12)
        self.middle = _block(12, 24, stride=2)
        self.coarse = nn.Sequential(_block(24, 40, stride=2), _block(40, 40, dilation=2))
        self.up_middle = _block(40 + 24, 20)
        self.up_fine = _block(20 + 12, 12)
        self.head = nn.Conv2d(12, len(CLASSES), 1)

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits of frames.

        Args:
            pixels: (N, 3, H, W) float in [0, 1].

        Returns:
            (N, classes, H, W) float.
        """
        height, width = pixels.shape[-2:]
        padding = (0, -width % STRIDE, 0, -height % STRIDE)
        fine = self.fine(pad(pixels - 0.5, padding, mode="replicate"))
        middle = self.middle(fine)
        up = self.up_middle(torch.cat([_doubled(self.coarse(middle)), middle], 1))
        logits: Tensor = self.head(self.up_fine(torch.cat([_doubled(up), fine], 1)))
        return logits[..., :height, :width]


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
        self._net = SegmentationNet().eval()
        self._net.load_state_dict(load_file(WEIGHTS))

    def reset(self, env: gym.Env[Any, Any], rng: np.random.Generator) -> None:
        """Nothing to get ready: a mask depends on its frame alone."""

    @torch.no_grad()
    def __call__(self, frames: Images) -> Images:
        """Make the masks of frames, (N, 3, H, W) uint8; returns (N, 1, H, W) uint8."""
        logits = self._net(torch.as_tensor(frames).float() / 255)[:, self._marked].numpy()
        return np.stack([combined(each, "max", self._floor, self._least_peak) for each in logits])[:, None]


def _block(inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Two 3x3 convolutions, normalised, the first of them strided."""

    def convolution(channels: int, stride: int) -> list[nn.Module]:
        layer = nn.Conv2d(channels, outputs, 3, stride, dilation, dilation, bias=False)
        return [layer, nn.BatchNorm2d(outputs), nn.ReLU()]

    return nn.Sequential(*convolution(inputs, stride), *convolution(outputs, 1))


def _doubled(maps: Tensor) -> Tensor:
    return interpolate(maps, scale_factor=2.0, mode="nearest")
