"""Simoun's encoder: streams for appearance and for motion that enhance each other (Huang 2023)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from semore_gym.policies.encoders.base import PAPER_CHANNELS, Encoder, Inputs
from semore_gym.policies.encoders.networks import Maps, StreamHeads, convolutions, initialise, map_shape

FRAMES = 3
"""How many of the newest frames the appearance stream sees, each by itself: o_{t-2}, o_{t-1} and o_t."""


class StructuralInteraction(nn.Module):
    """Lets both streams gather from where the appearance of neighbouring frames is alike (Eq. 4-6).

    With maps as matrices of C rows and N = hw columns, ^ a 1x1 convolution and s the softmax:

    * X = s(s(^F_a,t-2^T ^F_a,t-1) + s(^F_a,t^T ^F_a,t-1)), (N, N) (Eq. 4),
    * X_m = X ^F_m,t and X_a = X ^F_a,t, the maps transposed to (N, C) (Eq. 5),
    * F_m,t <- F_m,t + beta X_m and F_a,t <- F_a,t + beta X_a, with beta learnt from 0 on (Eq. 6).

    As the inner softmaxes lie in [0, 1], the entries of a row of X differ by a factor of e^2 at most.

    Ours: rows sum to 1 (s is along the last axis, over positions of o_{t-1}), nothing is divided by sqrt(C),
    the convolutions keep all C channels and all positions, one is shared by the three appearance maps and the
    other is motion's, and beta is one number for both streams.

    Args:
        channels: C of all maps.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.appearance = nn.Conv2d(channels, channels, 1)
        self.motion = nn.Conv2d(channels, channels, 1)
        self.beta = nn.Parameter(torch.zeros(1))

    def attention(self, before: Tensor, last: Tensor, now: Tensor) -> Tensor:
        """Compute X of Eq. 4, (B, N, N), from ^F_a of t-2, t-1 and t, (B, C, N) each."""
        older, newer = ((key.transpose(1, 2) @ last).softmax(dim=2) for key in (before, now))
        return (older + newer).softmax(dim=2)

    def forward(self, before: Tensor, last: Tensor, now: Tensor, motion: Tensor) -> tuple[Tensor, Tensor]:
        """Return the enhanced F_a,t and F_m,t, from F_a of t-2, t-1 and t and F_m,t, (B, C, h, w) each."""
        hats = [self.appearance(maps).flatten(2) for maps in (before, last, now)]  # (B, C, N) each
        attention = self.attention(*hats).transpose(1, 2)
        to_appearance = hats[2] @ attention  # the transpose of X ^F^T
        to_motion = self.motion(motion).flatten(2) @ attention
        return now + self.beta * to_appearance.view_as(now), motion + self.beta * to_motion.view_as(motion)


class SimounEncoder(Encoder):
    """An appearance stream over each of three frames and a motion stream over the frames' differences.

    f = [f_a, f_m], each a Linear and a LayerNorm of the enhanced F_a,t or F_m,t; their order is immaterial.
    In a history of more than three frames the motion stream sees all differences and the appearance stream
    the three newest frames (ours). All convolutions have a stride of 2, as every encoder's here.

    Args:
        frames_shape: (3k, H, W) of the stacked frames, k at least 3.
        channels: Channels of the convolutions of each stream.
        first_kernel: Side of the first kernel.
        stream_dim: Length of each stream's feature vector.

    Attributes:
        features_dim: Length of the feature vector, 2 * stream_dim: appearance first, motion after it.
        map_shape: (C, h, w) of each map.

    Example:
        >>> encoder = SimounEncoder((9, 84, 84), channels=(32, 32, 32, 32))
        >>> encoder(torch.zeros(2, 9, 84, 84, dtype=torch.uint8)).shape
        torch.Size([2, 100])
    """

    head: StreamHeads

    def __init__(
        self,
        frames_shape: tuple[int, int, int],
        channels: tuple[int, ...] = PAPER_CHANNELS,
        first_kernel: int = 3,
        stream_dim: int = 50,
    ) -> None:
        super().__init__(frames_shape)
        if frames_shape[0] < 3 * FRAMES:
            raise ValueError(
                f"frames must be a history of at least three RGB frames, got {frames_shape[0]} channels; "
                "wrap the environment in semore_gym.wrappers.FrameHistory(env, frames=3)"
            )
        self.stream_dim = stream_dim
        self.features_dim = 2 * stream_dim
        self.appearance = convolutions(3, channels, first_kernel)
        self.motion = convolutions(frames_shape[0] - 3, channels, first_kernel)
        self.map_shape = map_shape(self.appearance, (3, *frames_shape[1:]))
        self.interaction = StructuralInteraction(self.map_shape[0])
        self.head = self.make_head()
        initialise(self)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def prepare(self, frames: Tensor) -> Inputs:
        """Bring frames to `image_size` and scale them.

        Args:
            frames: (B, 3k, H', W') uint8, or float in [0, 1].

        Returns:
            The three newest frames, folded into the batch, (3B, 3, H, W), and all differences
            o_{i+1} - o_i, (B, 3(k-1), H, W), float32.
        """
        (pixels,) = super().prepare(frames)
        (single,) = super().prepare(frames[:, -3 * FRAMES :].reshape(-1, 3, *frames.shape[2:]))
        return single, pixels[:, 3:] - pixels[:, :-3]

    def newest(self, inputs: Inputs) -> Tensor:
        """Take o_t, (B, 3, H, W), out of what `prepare` returned."""
        return inputs[0][FRAMES - 1 :: FRAMES]

    def convolve(self, inputs: Inputs) -> Maps:
        """Return F_a of t-2, t-1 and t, and F_m of t, (B, C, h, w) float32 each, before the interaction."""
        single, differences = inputs
        maps = self.appearance(single)
        before, last, now = maps.view(-1, FRAMES, *maps.shape[1:]).unbind(1)
        return before, last, now, self.motion(differences)

    def mix(self, maps: Maps) -> Maps:
        """Let the streams interact; returns the enhanced F_a,t and F_m,t, (B, C, h, w) each."""
        return self.interaction(*maps)  # type: ignore[no-any-return]

    def make_head(self) -> StreamHeads:
        """Build a Linear and a LayerNorm on each stream's map."""
        return StreamHeads([self.map_shape] * 2, self.stream_dim)

    def streams(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Cut features (B, features_dim) into f_a and f_m, (B, stream_dim) each."""
        return features[:, : self.stream_dim], features[:, self.stream_dim :]

    def appearance_features(self, maps: Tensor) -> Tensor:
        """Turn F_a of single frames, (B, C, h, w), into f_a, (B, stream_dim); without the interaction."""
        return self.head.streams[0](maps)  # type: ignore[no-any-return]

    def motion_features(self, maps: Tensor) -> Tensor:
        """Turn F_m, (B, C, h, w), into f_m, (B, stream_dim); without the interaction."""
        return self.head.streams[1](maps)  # type: ignore[no-any-return]
