"""DrQ: SAC whose values and targets are averages over random shifts (Yarats, Kostrikov, Fergus 2021)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from stable_baselines3.common.type_aliases import GymEnv
from torch import Tensor

from semore_gym.policies.augmentations import random_shift
from semore_gym.policies.encoded import Encoded
from semore_gym.policies.replay.samples import FrameBatch
from semore_gym.policies.visual_policy import VisualPolicy
from semore_gym.policies.visual_sac import VisualSAC


class DrQ(VisualSAC):
    """VisualSAC that averages over shifted images (Yarats, Kostrikov, Fergus 2021).

    With f random shifts by up to `pad` pixels, border pixels repeated, each drawn by itself:

    * y_i = 1/K sum_k [r_i + gamma (min_j Q'_j(f(o'_i), a'_ik) - alpha log pi(a'_ik | f(o'_i)))], where every
      a'_ik is drawn from the policy's view of its own shift of o'_i (Eq. 1),
    * L_Q = 1/(N M) sum_i sum_m sum_j (Q_j(f(o_i), a_i) - y_i)^2 (Eq. 3),
    * the policy's loss sees the first of the M shifts of o_i, its features detached.

    Shifted images are as large as the original ones; acting sees those.

    Deviations: the authors' code sums over the M shifts where the paper and this class average; and their
    target encoder moves as slowly as their target critics (0.01), ours by `encoder_tau`, 0.05, as that of
    every method here. Batch size and encoder are those of all methods too.

    Args:
        policy: `"VisualPolicy"` or a subclass of `VisualPolicy`.
        env: Environment whose observation is a Box (3k, H, W) uint8 or a Dict with it as `frames`.
        k: K, shifts of o_{t+n} over which y is averaged.
        m: M, shifts of o_t over which the critic's loss is averaged.
        pad: Greatest shift, in pixels; the paper's 4 belongs to images of 84.
        **kwargs: Further arguments of `VisualSAC`.

    Example:
        >>> from semore_gym import make_env
        >>> model = DrQ("VisualPolicy", make_env("SemoreCarla-HighWay-v0", image_size=84), seed=0)
        >>> _ = model.learn(100)
    """

    def __init__(
        self,
        policy: str | type[VisualPolicy],
        env: GymEnv | str,
        k: int = 2,
        m: int = 2,
        pad: int = 4,
        **kwargs: Any,
    ) -> None:
        for name, value, least in (("k", k, 1), ("m", m, 1), ("pad", pad, 0)):
            if value < least:
                raise ValueError(f"{name} must be at least {least}, got {value}")
        super().__init__(policy, env, **kwargs)
        self.k = k
        self.m = m
        self.pad = pad

    def augment(self, batch: FrameBatch) -> FrameBatch:
        """Shift o_t M times, with its action, and o_{t+n} K times, with what y is made of.

        Returns:
            `frames` and `actions` of M * B rows, all samples' first shifts first; `next_frames`, `rewards`,
            `dones` and `discounts` of K * B rows likewise.
        """
        frames, next_frames = _repeat(batch.frames, self.m), _repeat(batch.next_frames, self.k)
        return batch._replace(
            frames=random_shift(frames, pad=self.pad)[0],
            actions=_repeat(batch.actions, self.m),
            next_frames=random_shift(next_frames, pad=self.pad)[0],
            rewards=_repeat(batch.rewards, self.k),
            dones=_repeat(batch.dones, self.k),
            discounts=_repeat(batch.discounts, self.k),
        )

    def encode(self, batch: FrameBatch) -> Encoded:
        """Make the passes of one update over all shifts; the actor sees the first ones."""
        encoded = super().encode(batch)
        first = tuple(maps.chunk(self.m)[0] for maps in encoded.policy_maps)
        return replace(encoded, policy_maps=first, policy_features=encoded.policy_features.chunk(self.m)[0])

    @torch.no_grad()
    def bootstrap(self, batch: FrameBatch, encoded: Encoded) -> Tensor:
        """Average the targets of the K shifts, once for each of the M shifts, (M * B, 1)."""
        targets = super().bootstrap(batch, encoded)
        return _repeat(torch.stack(targets.chunk(self.k)).mean(dim=0), self.m)


def _repeat(rows: Tensor, times: int) -> Tensor:
    """Put `times` copies of a batch behind one another."""
    return torch.cat([rows] * times)
