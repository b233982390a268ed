"""DeepMDP: a latent model of rewards and of a Gaussian next latent (Gelada 2019)."""

from __future__ import annotations

from typing import Any

import torch
from stable_baselines3.common.preprocessing import get_action_dim
from stable_baselines3.common.type_aliases import GymEnv
from torch import Tensor, nn

from semore_gym.policies import losses
from semore_gym.policies.encoded import Encoded, one_step_features
from semore_gym.policies.encoders.networks import prediction_head
from semore_gym.policies.replay.samples import FrameBatch
from semore_gym.policies.visual_policy import VisualPolicy
from semore_gym.policies.visual_sac import VisualSAC

SIGMA_BOUNDS = (0.1, 10.0)
"""Least and greatest standard deviation of the predicted latent.

LayerNorm gives the latents a deviation of about 1. DBC's (Zhang 2020) least, 1e-4, lets an error weigh 1e8.
"""


def bounded_gaussian(raw: Tensor) -> tuple[Tensor, Tensor]:
    """Read a head's output as a diagonal Gaussian; a sigmoid keeps sigma within `SIGMA_BOUNDS`.

    Args:
        raw: (B, 2F), the mean first.

    Returns:
        Mean and standard deviation, (B, F) each.
    """
    mean, logit = raw.chunk(2, dim=1)
    least, greatest = SIGMA_BOUNDS
    return mean, least + (greatest - least) * logit.sigmoid()


def gaussian_loss(mean: Tensor, sigma: Tensor, following: Tensor) -> Tensor:
    """Compute a diagonal Gaussian's negative log-likelihood, without its constant log(2 pi) / 2.

    mean over batch and components of ((f_{t+1} - mu) / sigma)^2 / 2 + log sigma. ERPV's Eq. 12, which has no
    1/2, is the same loss with sigma standing for sqrt(2) standard deviations.

    Args:
        mean: mu, (B, F).
        sigma: (B, F), positive.
        following: f_{t+1}, (B, F); a constant here.

    Returns:
        A scalar.
    """
    error = (following.detach() - mean) / sigma
    return (0.5 * error.square() + sigma.log()).mean()


class DeepMDP(VisualSAC):
    """VisualSAC whose latent predicts the next latent's distribution and the reward (Gelada 2019).

    L = L_SAC + w_T * NLL(f_{t+1} | mu, sigma) + w_R * (R(f_t, a_t) - r_{t+1})^2, where a head makes mu and
    sigma from f_t and a_t. Both losses train the encoder through f_t; f_{t+1} comes from the online encoder
    and is a constant. As in ERPV and DBC, a Gaussian's likelihood takes the place of Gelada's Wasserstein
    distance, and there is no gradient penalty. DBC's version predicts the reward from a sampled f_{t+1};
    here, as in Gelada's, it is predicted from f_t and a_t.

    Args:
        policy: `"VisualPolicy"` or a subclass of `VisualPolicy`.
        env: Environment whose observation is a Box (3k, H, W) uint8 or a Dict with it as `frames`.
        transition_weight: w_T.
        reward_weight: w_R.
        **kwargs: Further arguments of `VisualSAC`.

    Example:
        >>> from semore_gym import make_env
        >>> model = DeepMDP("VisualPolicy", make_env("SemoreCarla-HighWay-v0", image_size=84), seed=0)
        >>> _ = model.learn(100)
    """

    def __init__(
        self,
        policy: str | type[VisualPolicy],
        env: GymEnv | str,
        transition_weight: float = 1.0,
        reward_weight: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(policy, env, **kwargs)
        self.loss_weights = {"transition": transition_weight, "reward": reward_weight}

    def make_heads(self) -> dict[str, nn.Module]:
        """Build the transition head, whose output `bounded_gaussian` reads, and the reward head."""
        features = self.critic.encoder.features_dim
        inputs = features + get_action_dim(self.action_space)
        return {"transition": prediction_head(inputs, 2 * features), "reward": prediction_head(inputs, 1)}

    def auxiliary_losses(self, batch: FrameBatch, encoded: Encoded) -> dict[str, Tensor]:
        """Compute the transition's and the reward's loss; both are one-step, whatever the return."""
        inputs = torch.cat([encoded.features, batch.actions], dim=1)
        mean, sigma = bounded_gaussian(self.heads["transition"](inputs))
        encoder = self.critic.encoder
        following = one_step_features(encoder, batch, encoder.head(encoded.next_maps))
        self.meter.add({"deepmdp/sigma": sigma.mean()})
        return {
            "transition": gaussian_loss(mean, sigma, following),
            "reward": losses.reward_loss(self.heads["reward"](inputs), batch.step_rewards),
        }
