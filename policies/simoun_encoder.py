"""Simoun's encoder: an appearance and a motion stream that look at each other (Huang 2023)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from semore_gym.policies.encoders import PAPER_CHANNELS, Encoder, Inputs, require_history
from semore_gym.policies.networks import Maps, StreamHeads, convolutions, initialise, map_shape


class StructuralInteraction(nn.Module):
    """Lets each position of one map gather what related positions of the other map hold.

    With a_i and m_j the C numbers at positions i and j of the two maps, R_ij = (Q a_i) . (K m_j) / sqrt(d):
    a_i <- a_i + sum_j softmax_j(R_ij) V_m m_j and m_j <- m_j + sum_i softmax_i(R_ij) V_a a_i.
    One relation R serves both directions. The form is ours, see `Simoun`.

    Args:
        channels: C of both maps. Q and K have d = max(C // 4, 1) rows.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.query = nn.Linear(channels, max(channels // 4, 1))
        self.key = nn.Linear(channels, max(channels // 4, 1))
        self.motion_value = nn.Linear(channels, channels)
        self.appearance_value = nn.Linear(channels, channels)

    def forward(self, appearance: Tensor, motion: Tensor) -> tuple[Tensor, Tensor]:
        """Return both enhanced maps, from maps of (B, C, h, w) each."""
        a, m = (maps.flatten(2).transpose(1, 2) for maps in (appearance, motion))  # (B, N, C)
        queries, keys = self.query(a), self.key(m)
        relation = queries @ keys.transpose(1, 2) / queries.shape[2] ** 0.5  # (B, N of a, N of m)
        to_appearance = relation.softmax(dim=2) @ self.motion_value(m)
        to_motion = relation.softmax(dim=1).transpose(1, 2) @ self.appearance_value(a)
        return _as_map(a + to_appearance, appearance), _as_map(m + to_motion, motion)


def _as_map(positions: Tensor, like: Tensor) -> Tensor:
    # (B, N, C) is the memory of a channels_last (B, C, h, w)
    return positions.transpose(1, 2).reshape(like.shape)


class SimounEncoder(Encoder):
    """An appearance stream over the newest frame, a motion stream over the frames' differences.

    Together the two inputs hold as much as the stacked frames.

    Args:
        frames_shape: (3k, H, W) of the stacked frames, k at least 2.
        channels: Channels of the convolutions of each stream.
        first_kernel: Side of the first kernel.
        stream_dim: Length of each stream's feature vector.

    Attributes:
        features_dim: Length of the feature vector, 2 * stream_dim: appearance first, motion after it.
        map_shape: (C, h, w) of each stream's map.

    Example:
        >>> encoder = SimounEncoder((9, 84, 84), channels=(32, 32, 32, 32))
        >>> encoder(torch.zeros(2, 9, 84, 84, dtype=torch.uint8)).shape
        torch.Size([2, 100])
    """

    def __init__(
        self,
        frames_shape: tuple[int, int, int],
        channels: tuple[int, ...] = PAPER_CHANNELS,
        first_kernel: int = 3,
        stream_dim: int = 50,
    ) -> None:
        super().__init__(frames_shape)
        require_history(frames_shape)
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
        """Return the newest frame (B, 3, H, W) and the differences (B, 3(k-1), H, W), float32."""
        (pixels,) = super().prepare(frames)
        newest = pixels[:, -3:].contiguous(memory_format=torch.channels_last)
        return newest, pixels[:, 3:] - pixels[:, :-3]

    def convolve(self, inputs: Inputs) -> Maps:
        """Return F_a and F_m, each (B, C, h, w) float32, before the interaction."""
        newest, differences = inputs
        return self.appearance(newest), self.motion(differences)

    def mix(self, maps: Maps) -> Maps:
        """Let the streams interact; returns the enhanced F_a and F_m, each (B, C, h, w)."""
        return self.interaction(*maps)  # type: ignore[no-any-return]

    def make_head(self) -> nn.Module:
        """Build a Linear and a LayerNorm on each stream's map: f = [f_a, f_m]."""
        return StreamHeads([self.map_shape] * 2, self.stream_dim)

    def streams(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Cut features (B, features_dim) into f_a and f_m, (B, stream_dim) each."""
        return features[:, : self.stream_dim], features[:, self.stream_dim :]
