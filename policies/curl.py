"""CURL: SAC with a contrastive loss between two crops of an observation (Laskin 2020)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from stable_baselines3.common.type_aliases import GymEnv
from torch import Tensor, nn
from torch.nn import functional

from semore_gym.policies.encoded import Encoded
from semore_gym.policies.rad import RAD
from semore_gym.policies.replay import FrameBatch
from semore_gym.policies.visual_policy import VisualPolicy


def info_nce(logits: Tensor) -> Tensor:
    """Compute InfoNCE, -mean_i log(exp(l_ii) / sum_j exp(l_ij)) (van den Oord 2018).

    The greatest logit of each row is subtracted first, which changes nothing but keeps exp finite.

    Args:
        logits: l_ij, how similar query i and key j are, (B, B); key i is the positive of query i.

    Returns:
        A scalar.
    """
    return functional.cross_entropy(logits, torch.arange(len(logits), device=logits.device))


class BilinearSimilarity(nn.Module):
    """CURL's similarity l_ij = q_i^T W k_j; W starts uniform in [0, 1), as the authors' does.

    Args:
        features_dim: F, length of queries and keys.
    """

    def __init__(self, features_dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(features_dim, features_dim))

    def forward(self, queries: Tensor, keys: Tensor) -> Tensor:
        """Return the logits (B, B) of queries (B, F), by row, and keys (B, F), by column."""
        return queries @ self.weight @ keys.T


class CURL(RAD):
    """VisualSAC on random crops, whose encoder tells its batch's observations apart (Laskin 2020).

    L = L_SAC + w * InfoNCE(q_i^T W k_j). The query q_i is the feature vector of a random crop of o_t, the
    same that the critic sees; the key k_i, a constant, is the target encoder's of a second random crop of
    the same o_t: `encoder_tau` = 0.05 makes it the paper's momentum encoder. The keys of the batch's other
    observations are the negatives. Critic and policy learn from random crops as in `RAD`, and acting sees
    the centre crop.

    Deviations: the authors take two Adam steps per update, one by the critic's loss and one by the
    contrastive loss with a second pass over the query; here one pass, one backward and one step serve both
    (so w matters, which it hardly does where Adam has a loss for itself). The authors render 100 pixels to
    crop them to 84; here the images are cropped as the environment makes them, by the same factor.

    Args:
        policy: `"VisualPolicy"` or a subclass of `VisualPolicy`.
        env: Environment whose observation is a Box (3k, H, W) uint8 or a Dict with it as `frames`.
        contrastive_weight: w.
        **kwargs: Further arguments of `RAD`, such as `image_scale`.

    Example:
        >>> from semore_gym import make_env
        >>> model = CURL("VisualPolicy", make_env("SemoreCarla-HighWay-v0", image_size=84), seed=0)
        >>> _ = model.learn(2_000)
    """

    def __init__(
        self,
        policy: str | type[VisualPolicy],
        env: GymEnv | str,
        contrastive_weight: float = 1.0,
        _init_setup_model: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(policy, env, _init_setup_model=False, **kwargs)
        self.loss_weights = {"contrastive": contrastive_weight}
        if _init_setup_model:
            self._setup_model()

    def make_heads(self) -> dict[str, nn.Module]:
        """Build W."""
        return {"similarity": BilinearSimilarity(self.critic.encoder.features_dim)}

    def augment(self, batch: FrameBatch) -> FrameBatch:
        """Crop o_t twice and o_{t+n} once; `frames` becomes (2B, 3k, h, w), the keys' crops come last."""
        (keys,) = self.augment_images(batch.frames)
        augmented = super().augment(batch)
        return augmented._replace(frames=torch.cat([augmented.frames, keys]))

    def encode(self, batch: FrameBatch) -> Encoded:
        """Make the passes of one update and that of the target encoder over the keys' crops."""
        queries, keys = batch.frames.chunk(2)
        encoded = super().encode(batch._replace(frames=queries))
        with torch.no_grad():
            return replace(encoded, extras={"keys": self.critic_target.encoder(keys)})

    def auxiliary_losses(self, batch: FrameBatch, encoded: Encoded) -> dict[str, Tensor]:
        """Compute InfoNCE, and log how often the positive is the most similar key."""
        logits = self.heads["similarity"](encoded.features, encoded.extras["keys"])
        found = logits.argmax(dim=1) == torch.arange(len(logits), device=logits.device)
        self.meter.add({"curl/accuracy": found.float().mean()})
        return {"contrastive": info_nce(logits)}
