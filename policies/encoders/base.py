"""Convolutional encoders: from stacked frames to maps to a feature vector.

An encoder works in four steps, so that a loss can reuse what another has computed: `prepare` turns uint8
frames into scaled inputs, `convolve` turns inputs into feature maps, `mix` lets maps work on each other, and
its `head` turns mixed maps into features. The actor has a head of its own on the same mixed maps.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeAlias

import torch
from torch import Tensor, nn

from semore_gym.policies.augmentations import centre
from semore_gym.policies.encoders.networks import Maps, StreamHeads, convolutions, initialise, map_shape

Inputs: TypeAlias = tuple[Tensor, ...]  # one (B, c, H, W) float32 tensor a stream, channels_last

PAPER_CHANNELS = (64, 128, 256, 256)
LIGHT_CHANNELS = (32, 32, 32, 32)
LIGHTER_CHANNELS = (16, 32, 32, 32)  # the first convolution is half of the work


def to_float(frames: Tensor) -> Tensor:
    """Convert frames to a float32 tensor in channels_last layout, scaled to [0, 1].

    Args:
        frames: (B, C, H, W) uint8 in [0, 255], or floating point in [0, 1] already.

    Returns:
        (B, C, H, W) float32 in [0, 1].
    """
    pixels = as_float(frames)
    return pixels if frames.is_floating_point() else pixels.div_(255.0)


def as_float(frames: Tensor) -> Tensor:
    """Convert to float32 in channels_last layout, unscaled."""
    # reordering bytes and then converting is quicker than converting and then reordering floats
    return frames.contiguous(memory_format=torch.channels_last).to(torch.float32)


def require_history(frames_shape: tuple[int, int, int]) -> None:
    """Check that stacked frames have a difference.

    Raises:
        ValueError: If (3k, H, W) holds fewer than two frames.
    """
    if frames_shape[0] < 6:
        raise ValueError(
            f"frames must be a history of at least two RGB frames, got {frames_shape[0]} channels; "
            "wrap the environment in semore_gym.wrappers.FrameHistory(env, frames=3)"
        )


class Encoder(nn.Module, ABC):
    """What every method's encoder can do.

    A new encoder takes the frames' shape as its first argument and hands it on, sets `features_dim` and
    `head`, and writes `convolve` and `make_head` (and `mix`, if its maps work on each other).

    Args:
        frames_shape: (3k, H, W) of the stacked frames that it sees.

    Attributes:
        features_dim: Length of the feature vector.
        head: What `make_head` made for the encoder itself.
        image_size: (H, W) of what it sees: the centre of larger frames; smaller ones in the centre of a
            black canvas.
    """

    features_dim: int
    head: nn.Module

    def __init__(self, frames_shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.image_size = frames_shape[1:]

    def prepare(self, frames: Tensor) -> Inputs:
        """Bring frames to `image_size` and scale them; passes over the same frames can share the result.

        Args:
            frames: (B, 3k, H', W') uint8, or float in [0, 1].

        Returns:
            ((B, 3k, H, W) float32,) here; one tensor a stream.
        """
        return (to_float(centre(frames, self.image_size)),)

    @abstractmethod
    def convolve(self, inputs: Inputs) -> Maps:
        """Turn what `prepare` made into maps, one (B, C, h, w) float32 tensor a stream."""

    @abstractmethod
    def make_head(self) -> nn.Module:
        """Build a head: from what `mix` returns to features, (B, features_dim) float32."""

    def mix(self, maps: Maps) -> Maps:
        """Let the maps that `convolve` made work on each other; they stay as they are here."""
        return maps

    def look(self, frames: Tensor) -> Maps:
        """Turn (B, 3k, H, W) frames into what a head sees: `prepare`, `convolve`, `mix`."""
        return self.mix(self.convolve(self.prepare(frames)))

    def forward(self, frames: Tensor) -> Tensor:
        """Encode (B, 3k, H, W) frames as (B, features_dim) float32."""
        return self.head(self.look(frames))  # type: ignore[no-any-return]


class PixelEncoder(Encoder):
    """One stream over the stacked frames: four convolutions, then Linear and LayerNorm.

    Args:
        frames_shape: (3k, H, W) of the stacked frames.
        channels: Channels of the convolutions.
        first_kernel: Side of the first kernel.
        stream_dim: Length of the feature vector.

    Attributes:
        features_dim: Length of the feature vector.
        map_shape: (C, h, w) of the map.

    Example:
        >>> encoder = PixelEncoder((9, 84, 84), channels=(32, 32, 32, 32))
        >>> encoder(torch.zeros(2, 9, 84, 84, dtype=torch.uint8)).shape
        torch.Size([2, 50])
    """

    def __init__(
        self,
        frames_shape: tuple[int, int, int],
        channels: tuple[int, ...] = PAPER_CHANNELS,
        first_kernel: int = 3,
        stream_dim: int = 50,
    ) -> None:
        super().__init__(frames_shape)
        self.stem = convolutions(frames_shape[0], channels, first_kernel)
        self.map_shape = map_shape(self.stem, frames_shape)
        self.features_dim = stream_dim
        self.head = self.make_head()
        initialise(self)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def convolve(self, inputs: Inputs) -> Maps:
        """Return ((B, C, h, w) float32,)."""
        return (self.stem(inputs[0]),)

    def make_head(self) -> nn.Module:
        """Build a Linear and a LayerNorm on the map."""
        return StreamHeads([self.map_shape], self.features_dim)
