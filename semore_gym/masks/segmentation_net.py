"""The network of `LearnedMasks`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

from semore_gym.masks.base import Images

WEIGHTS = Path(__file__).with_name("learned.safetensors")
STRIDE = 4  # of the coarsest maps


class SegmentationNet(nn.Module):
    """A U-Net of three scales.

    Args:
        classes: How many logits each pixel gets.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.fine = _block(3, 12)
        self.middle = _block(12, 24, stride=2)
        self.coarse = nn.Sequential(_block(24, 40, stride=2), _block(40, 40, dilation=2))
        self.up_middle = _block(40 + 24, 20)
        self.up_fine = _block(20 + 12, 12)
        self.head = nn.Conv2d(12, classes, 1)

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

    @classmethod
    def trained(cls, classes: int) -> SegmentationNet:
        """The network that comes with the package, of so many classes."""
        net = cls(classes).eval()
        net.load_state_dict(load_file(WEIGHTS))
        return net

    @torch.no_grad()
    def logits(self, frames: Images) -> npt.NDArray[np.float32]:
        """Logits (N, classes, H, W) of frames (N, 3, H, W) uint8."""
        found: npt.NDArray[np.float32] = self(torch.tensor(frames).float() / 255).numpy()
        return found


def _block(inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Two 3x3 convolutions, normalised, the first of them strided."""

    def convolution(channels: int, stride: int) -> list[nn.Module]:
        layer = nn.Conv2d(channels, outputs, 3, stride, dilation, dilation, bias=False)
        return [layer, nn.BatchNorm2d(outputs), nn.ReLU()]

    return nn.Sequential(*convolution(inputs, stride), *convolution(outputs, 1))


def _doubled(maps: Tensor) -> Tensor:
    return interpolate(maps, scale_factor=2.0, mode="nearest")
