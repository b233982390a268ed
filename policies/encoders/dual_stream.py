"""Semore's encoder: a semantic and a motion stream (Semore, Fig. 2)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from semore_gym.policies.augmentations import centre
from semore_gym.policies.encoders.base import (
    PAPER_CHANNELS,
    Encoder,
    Inputs,
    as_float,
    require_history,
    to_float,
)
from semore_gym.policies.encoders.interaction import Interaction
from semore_gym.policies.encoders.networks import Maps, StreamHeads, convolutions, initialise, map_shape


class Guidance(NamedTuple):
    """What masks say about a batch of semantic maps.

    Attributes:
        rows: (M,) int64, which samples have a mask.
        knowledge: H^ of the samples that have one, (M, C, h, w), with gradient.
        blank: The encoding of an empty mask, (1, C, h, w), without gradient; as large as H^ in a collapse.
        keys: What K~ is made from, (B, C, h, w): H^ where there is a mask, F_s elsewhere.
    """

    rows: Tensor
    knowledge: Tensor
    blank: Tensor
    keys: Tensor


class DualStreamEncoder(Encoder):
    """A semantic stream over the frames and a motion stream over their differences (Semore, Fig. 2).

    The residual is made here, from the frames in float: (o_{i+1} - o_i) / 255.

    Args:
        frames_shape: (3k, H, W) of the stacked frames, k at least 2.
        channels: Channels of the convolutions of each stream.
        first_kernel: Side of the first kernel.
        stream_dim: Length of each stream's feature vector.
        interaction: Whether the streams interact before their heads (Eq. 6-7).

    Attributes:
        stacked: Channels of the stacked frames, 3k.
        features_dim: Length of the feature vector, 2 * stream_dim: semantic first, motion after it.
        map_shape: (C, h, w) of each stream's map.
    """

    def __init__(
        self,
        frames_shape: tuple[int, int, int],
        channels: tuple[int, ...] = PAPER_CHANNELS,
        first_kernel: int = 3,
        stream_dim: int = 50,
        interaction: bool = True,
    ) -> None:
        super().__init__(frames_shape)
        require_history(frames_shape)
        self.stacked = frames_shape[0]
        self.stream_dim = stream_dim
        self.features_dim = 2 * stream_dim
        self.semantic = convolutions(frames_shape[0], channels, first_kernel)
        self.motion = convolutions(frames_shape[0] - 3, channels, first_kernel)
        self.map_shape = map_shape(self.semantic, frames_shape)
        self.interaction = Interaction(self.map_shape) if interaction else None
        self.head = self.make_head()
        initialise(self)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def prepare(self, frames: Tensor) -> Inputs:
        """Bring frames to `image_size`, scale them and make their residual.

        Args:
            frames: (B, 3k, H', W') uint8, or float in [0, 1].

        Returns:
            Frames (B, 3k, H, W) and residual (B, 3(k-1), H, W), float32.
        """
        pixels = as_float(centre(frames, self.image_size))
        residual = pixels[:, 3:] - pixels[:, :-3]
        if frames.is_floating_point():
            return pixels, residual
        return pixels.div_(255.0), residual.div_(255.0)

    def convolve(self, inputs: Inputs) -> Maps:
        """Return F_s and F_m, each (B, C, h, w) float32, before the interaction."""
        frames, residual = inputs
        return self.semantic(frames), self.motion(residual)

    def guidance(
        self, semantic: Tensor, masks: Tensor, keys_gradient: bool = False, share: float = 1.0
    ) -> Guidance:
        """Encode masks by the semantic stream, repeated over its input channels (H^ of Eq. 5).

        Args:
            semantic: F_s, (B, C, h, w).
            masks: (B, 1, H', W') uint8, or float in [0, 1]; all zero = no mask. Brought to `image_size`.
            keys_gradient: Whether the encoder's gradient flows through the H^ in `keys` too.
            share: Of the samples with a mask, which part gets H^ as its keys, drawn for each by itself.
        """
        masks = centre(masks, self.image_size)
        rows = masks.flatten(1).any(dim=1).nonzero().squeeze(1)
        blank = masks.new_zeros(1, *masks.shape[1:])
        image = to_float(torch.cat([masks[rows], blank])).expand(-1, self.stacked, -1, -1)
        maps = self.semantic(image.contiguous(memory_format=torch.channels_last))
        knowledge, blank = maps[:-1], maps[-1:].detach()
        guided = knowledge if keys_gradient else knowledge.detach()
        chosen = rows
        if share < 1.0:
            drawn = torch.rand(len(rows), device=rows.device) < share
            chosen, guided = rows[drawn], guided[drawn]
        return Guidance(rows, knowledge, blank, semantic.index_copy(0, chosen, guided))

    def make_head(self) -> nn.Module:
        """Build a Linear and a LayerNorm on each stream's map."""
        return StreamHeads([self.map_shape] * 2, self.stream_dim)

    def mix(self, maps: Maps, keys: Tensor | None = None) -> Maps:
        """Let the streams interact.

        Args:
            maps: F_s and F_m, each (B, C, h, w).
            keys: What K~ is made from, (B, C, h, w); F_s when None (unguided). No part without interaction.

        Returns:
            The enhanced F_s and F_m, each (B, C, h, w).
        """
        if self.interaction is None:
            return maps
        semantic, motion = maps
        return self.interaction(semantic, motion, semantic if keys is None else keys)  # type: ignore[no-any-return]

    def motion_features(self, features: Tensor) -> Tensor:
        """Cut f_m, (B, stream_dim), out of features (B, features_dim)."""
        return features[:, self.stream_dim :]
