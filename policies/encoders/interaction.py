"""The interaction of the semantic and the motion stream (Semore, Eq. 6-7)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def interaction_attention(keys: Tensor, motion: Tensor) -> Tensor:
    """Compute X = softmax(softmax(K^T M) + softmax(M^T K)), every softmax over the last axis (Eq. 6).

    Args:
        keys: K~, (B, d, N) float32.
        motion: M~, (B, d, N) float32.

    Returns:
        X, (B, N, N) float32; its rows sum to 1.
    """
    scores = keys.transpose(1, 2) @ motion  # (B, N, N); M^T K is its transpose
    both = scores.softmax(dim=-1) + scores.transpose(1, 2).softmax(dim=-1)
    return both.softmax(dim=-1)


class Interaction(nn.Module):
    """Adds to each stream's map what a linear layer of its own makes of the attention (Eq. 6-7).

    The outer softmax acts on values that sum to 2 over N positions, so that X is nearly the constant 1/N, and
    what it adds is nearly nothing. The linear layers get N (N X - 1) instead, which for small scores
    S = K^T M is about S + S^T, each less the mean of its rows: with their biases they can represent the same
    functions of it, and it is of the size of the scores (ours).

    Args:
        map_shape: (C, h, w) of both maps. K~ and M~ have d = max(C // 4, 1) channels (ours).
    """

    def __init__(self, map_shape: tuple[int, int, int]) -> None:
        super().__init__()
        channels, height, width = map_shape
        reduced = max(channels // 4, 1)
        self.to_keys = nn.Conv2d(channels, reduced, kernel_size=1)
        self.to_motion = nn.Conv2d(channels, reduced, kernel_size=1)
        self.to_semantic_map = nn.Linear(height * width, channels)
        self.to_motion_map = nn.Linear(height * width, channels)

    def forward(self, semantic: Tensor, motion: Tensor, knowledge: Tensor) -> tuple[Tensor, Tensor]:
        """Return the enhanced maps.

        Args:
            semantic: F_s, (B, C, h, w).
            motion: F_m, (B, C, h, w).
            knowledge: What K~ is made from, (B, C, h, w): H^ where guided, F_s elsewhere.

        Returns:
            F_s + FN_s(N (N X - 1)) and F_m + FN_m(N (N X - 1)), each (B, C, h, w).
        """
        attention = interaction_attention(
            self.to_keys(knowledge).flatten(2), self.to_motion(motion).flatten(2)
        )
        positions = attention.shape[-1]
        attention = positions * (positions * attention - 1.0)
        return (
            semantic + self._as_map(self.to_semantic_map(attention), semantic),
            motion + self._as_map(self.to_motion_map(attention), motion),
        )

    @staticmethod
    def _as_map(rows: Tensor, like: Tensor) -> Tensor:
        # (B, N, C) is the memory of a channels_last (B, C, h, w)
        return torch.movedim(rows.reshape(-1, *like.shape[2:], rows.shape[-1]), -1, 1)
