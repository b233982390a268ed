"""CURL: SAC with a contrastive loss between two crops of an observation (Laskin 2020)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from semore_gym.policies.encoded import Encoded
from semore_gym.policies.rad import RAD
from semore_gym.policies.replay.samples import FrameBatch


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

    The loss is InfoNCE(q_i^T W k_j). The query q_i is the feature vector of a random crop of o_t, the same
    that the critic sees; the key k_i, a constant, is the target encoder's of a second random crop of the same
    o_t: `encoder_tau` = 0.05 makes it the paper's momentum encoder. The keys of the batch's other
    observations are the negatives. As the authors do, an update takes two Adam steps on the encoder: one by
    the critic's loss, and after it one by the contrastive loss, with an Adam of its own that has W too and a
    second pass over the query. So the loss has no weight: Adam would undo it. Critic and policy learn from
    random crops as in `RAD`, and acting sees the centre crop.

    Args:
        policy: `"VisualPolicy"` or a subclass of `VisualPolicy`.
        env: Environment whose observation is a Box (3k, H, W) uint8 or a Dict with it as `frames`.
        **kwargs: Further arguments of `RAD`, such as `image_scale`.

    Example:
        >>> from semore_gym import make_env
        >>> model = CURL("VisualPolicy", make_env("SemoreCarla-HighWay-v0", image_size=84), seed=0)
        >>> _ = model.learn(100)
    """

    contrast: BilinearSimilarity
    contrast_optimizer: torch.optim.Optimizer

    def augment(self, batch: FrameBatch) -> FrameBatch:
        """Crop o_t twice and o_{t+n} once; `frames` becomes (2B, 3k, h, w), the keys' crops come last."""
        (keys,) = self.augment_images(batch.frames)
        augmented = super().augment(batch)
        return augmented._replace(frames=torch.cat([augmented.frames, keys]))

    def update_critic(self, batch: FrameBatch) -> Encoded:
        """Take one Adam step by the critic's loss, and then one on encoder and W by InfoNCE."""
        queries, keys = batch.frames.chunk(2)
        encoded = super().update_critic(batch._replace(frames=queries))
        self.update_contrast(queries, keys)
        return encoded

    def update_contrast(self, queries: Tensor, keys: Tensor) -> None:
        """Take one Adam step by InfoNCE, and log how often the positive is the most similar key.

        Args:
            queries: Crops of o_t, (B, 3k, h, w) uint8.
            keys: Further crops of the same, likewise.
        """
        with torch.no_grad():
            key_features = self.critic_target.encoder(keys)
        logits = self.contrast(self.critic.encoder(queries), key_features)
        loss = info_nce(logits)
        self.contrast_optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.contrast_optimizer.step()
        found = logits.argmax(dim=1) == torch.arange(len(logits), device=logits.device)
        self.meter.add({"loss/contrastive": loss, "curl/accuracy": found.float().mean()})

    def _setup_model(self) -> None:
        super()._setup_model()
        encoder = self.critic.encoder
        self.contrast = BilinearSimilarity(encoder.features_dim).to(self.device)
        trained = [*encoder.parameters(), *self.contrast.parameters()]
        self.contrast_optimizer = self.policy.optimizer_class(
            trained,
            lr=self.lr_schedule(1),  # type: ignore[call-arg]
            **self.policy.optimizer_kwargs,
        )

    def _update_learning_rate(self, optimizers: list[torch.optim.Optimizer] | torch.optim.Optimizer) -> None:
        given = optimizers if isinstance(optimizers, list) else [optimizers]
        super()._update_learning_rate([*given, self.contrast_optimizer])

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "contrast", "contrast_optimizer"]

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        state_dicts, variables = super()._get_torch_save_params()
        return [*state_dicts, "contrast", "contrast_optimizer"], variables
