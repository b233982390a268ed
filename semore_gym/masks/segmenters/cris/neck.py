"""CRIS's cross-modal neck (Wang et al. 2022, section 3.2): three scales and a sentence in one map."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


def convolution(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    """Convolution, batch normalisation and ReLU; height and width stay."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


def upsample(features: Tensor) -> Tensor:
    """Double height and width, bilinearly."""
    return functional.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)


class CoordConv(nn.Module):
    """A convolution that is told where it is: x and y in [-1, 1] as two channels more."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = convolution(channels + 2, channels, 3)

    def forward(self, features: Tensor) -> Tensor:
        """(B, channels, H, W) to the same shape."""
        batch, _, height, width = features.shape
        x = torch.linspace(-1, 1, width).to(features).expand(batch, 1, height, width)
        y = torch.linspace(-1, 1, height).to(features).view(-1, 1).expand(batch, 1, height, width)
        output: Tensor = self.conv1(torch.cat([features, x, y], dim=1))
        return output


class Neck(nn.Module):
    """Fuses the image encoder's maps with the sentence, from the coarsest scale on.

    Args:
        inputs: Channels of the maps at 1/8, 1/16 and 1/32 of the image; the last is the sentence's size too.
        widths: Channels inside, at the same scales; the second is that of the output.
    """

    def __init__(self, inputs: Sequence[int], widths: Sequence[int]) -> None:
        super().__init__()
        third, fourth, fifth = widths
        self.txt_proj = nn.Sequential(
            nn.Linear(inputs[2], fifth, bias=False), nn.BatchNorm1d(fifth), nn.ReLU()
        )
        self.f1_v_proj = convolution(inputs[2], fifth, 1)
        self.norm_layer = nn.Sequential(nn.BatchNorm2d(fifth), nn.ReLU())
        self.f2_v_proj = convolution(inputs[1], fourth, 3)
        self.f2_cat = convolution(fifth + fourth, fourth, 1)
        self.f3_v_proj = convolution(inputs[0], third, 3)
        self.f3_cat = convolution(third + fourth, fourth, 1)
        self.f4_proj5 = convolution(fifth, fourth, 3)
        self.f4_proj4 = convolution(fourth, fourth, 3)
        self.f4_proj3 = convolution(fourth, fourth, 3)
        self.aggr = convolution(3 * fourth, fourth, 1)
        self.coordconv = nn.Sequential(CoordConv(fourth), convolution(fourth, fourth, 3))

    def forward(self, maps: tuple[Tensor, Tensor, Tensor], sentence: Tensor) -> Tensor:
        """Fuse.

        Args:
            maps: (B, inputs[0], 4h, 4w), (B, inputs[1], 2h, 2w), (B, inputs[2], h, w).
            sentence: (B, inputs[2]).

        Returns:
            (B, widths[1], 2h, 2w).
        """
        said = self.txt_proj(sentence)[:, :, None, None]
        fifth = self.norm_layer(self.f1_v_proj(maps[2]) * said)
        fourth = self.f2_cat(torch.cat([self.f2_v_proj(maps[1]), upsample(fifth)], dim=1))
        third = functional.avg_pool2d(self.f3_v_proj(maps[0]), 2)
        third = self.f3_cat(torch.cat([third, fourth], dim=1))
        scales = [self.f4_proj3(third), self.f4_proj4(fourth), upsample(self.f4_proj5(fifth))]
        fused: Tensor = self.coordconv(self.aggr(torch.cat(scales, dim=1)))
        return fused
