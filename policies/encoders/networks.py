"""Initialisation and small networks that every method shares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

import torch
from torch import Tensor, nn

Maps: TypeAlias = tuple[Tensor, ...]  # one (B, C, h, w) float32 tensor a stream


def initialise(root: nn.Module) -> None:
    """Draw every convolution and linear layer orthogonally and set biases to zero, in place.

    The gain is sqrt(2) for a layer that a ReLU follows in its `nn.Sequential` and 1 elsewhere (Saxe 2014).

    Args:
        root: The module whose layers are drawn, itself included.
    """
    before_relu = {
        layer
        for module in root.modules()
        if isinstance(module, nn.Sequential)
        for layer, after in pairwise(module)
        if isinstance(after, nn.ReLU)
    }
    for module in root.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            nn.init.orthogonal_(module.weight, gain=2**0.5 if module in before_relu else 1.0)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def prediction_head(inputs: int, outputs: int, hidden: int = 512) -> nn.Sequential:
    """Build DeepMDP's prediction head: Linear, LayerNorm, ReLU, Linear (Gelada 2019).

    Args:
        inputs: Width of the input, features and action together.
        outputs: Width of the prediction.
        hidden: Width of the hidden layer.

    Returns:
        A network from (B, inputs) float32 to (B, outputs) float32.
    """
    head = nn.Sequential(
        nn.Linear(inputs, hidden), nn.LayerNorm(hidden), nn.ReLU(), nn.Linear(hidden, outputs)
    )
    initialise(head)
    return head


class Stem(nn.Sequential):
    """Layers that compute in bfloat16 where that is asked for; parameters and results stay float32.

    Attributes:
        bf16: Whether the layers compute in bfloat16.
    """

    bf16 = False

    def forward(self, images: Tensor) -> Tensor:
        """Turn images (B, c, H, W) into a map (B, C, h, w), float32 both."""
        if not self.bf16:
            return super().forward(images)  # type: ignore[no-any-return, no-untyped-call]
        with torch.autocast(images.device.type, torch.bfloat16):
            return super().forward(images).float()  # type: ignore[no-any-return, no-untyped-call]


def convolutions(inputs: int, channels: tuple[int, ...], first_kernel: int) -> Stem:
    """Stack 3x3 convolutions of stride 2, each followed by a ReLU.

    Args:
        inputs: Channels of the input.
        channels: Channels after each convolution.
        first_kernel: Side of the first kernel; ERPV uses 5.
    """
    layers: list[nn.Module] = []
    for index, outputs in enumerate(channels):
        layers += [nn.Conv2d(inputs, outputs, 3 if index else first_kernel, stride=2), nn.ReLU(inplace=True)]
        inputs = outputs
    return Stem(*layers)


def map_shape(stem: nn.Module, input_shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """Measure the (C, h, w) of a stem's output by one forward pass.

    Raises:
        ValueError: If the image is too small for the convolutions.
    """
    try:
        with torch.no_grad():
            channels, height, width = stem(torch.zeros(1, *input_shape)).shape[1:]
    except RuntimeError as error:
        side = f"{input_shape[1]}x{input_shape[2]}"
        raise ValueError(
            f"images must be large enough for the encoder's convolutions, got {side}; take a larger "
            "image_size or, where they are cropped, a larger image_scale"
        ) from error
    return channels, height, width


class StreamHeads(nn.Module):
    """One Flatten, Linear and LayerNorm for each stream, their outputs side by side.

    Args:
        shapes: (C, h, w) of each stream's map.
        stream_dim: Length of each stream's features.
    """

    def __init__(self, shapes: Sequence[tuple[int, int, int]], stream_dim: int) -> None:
        super().__init__()
        self.streams = nn.ModuleList(
            nn.Sequential(nn.Flatten(), nn.Linear(math.prod(shape), stream_dim), nn.LayerNorm(stream_dim))
            for shape in shapes
        )
        initialise(self)

    def forward(self, maps: Maps) -> Tensor:
        """Turn one (B, C, h, w) map a stream into (B, streams * stream_dim) float32."""
        return torch.cat([head(map) for head, map in zip(self.streams, maps, strict=True)], dim=1)


@torch.no_grad()
def update_average(source: nn.Module, target: nn.Module, tau: float) -> None:
    """Move `target` towards `source` by an exponential moving average, in place.

    target <- (1 - tau) target + tau source, parameter by parameter.

    Args:
        source: The online network.
        target: Its slow copy.
        tau: How far to move, in [0, 1].
    """
    for online, slow in zip(source.parameters(), target.parameters(), strict=True):
        slow.lerp_(online, tau)
