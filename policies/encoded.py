"""What one update's encoder passes hand to its losses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from semore_gym.policies.encoders.base import Encoder
from semore_gym.policies.encoders.networks import Maps
from semore_gym.policies.replay.samples import FrameBatch


@dataclass(frozen=True)
class Encoded:
    """What the encoder made of one batch, shared by all losses.

    Attributes:
        maps: Maps of o_t, with gradient.
        features: Features of o_t, with gradient: what the critic and the auxiliary losses see, (B, F).
        policy_maps: Mixed maps of o_t, without gradient: what the actor sees in the policy's loss.
        policy_features: Features of o_t, without gradient: what the critic sees in the policy's loss, (B, F).
        next_maps: Mixed maps of o_{t+n}, without gradient: what the next action is drawn from.
        target_features: Features of o_{t+n} by the target encoder: what the critic bootstraps from, (B, F).
        extras: What a method's `encode` hands to its `auxiliary_losses`, by name.
    """

    maps: Maps
    features: Tensor
    policy_maps: Maps
    policy_features: Tensor
    next_maps: Maps
    target_features: Tensor
    extras: Mapping[str, Tensor] = field(default_factory=dict)


@torch.no_grad()
def one_step_features(encoder: Encoder, batch: FrameBatch, n_step_features: Tensor) -> Tensor:
    """Give the features of o_{t+1}, at the price of a pass only where the return has several steps.

    Args:
        encoder: The encoder that made `n_step_features`.
        batch: The batch.
        n_step_features: Of o_{t+n}, (B, F).

    Returns:
        (B, F) without gradient.
    """
    if batch.one_step:
        return n_step_features
    return encoder(batch.step_next_frames)  # type: ignore[no-any-return]
