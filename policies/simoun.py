"""Simoun: appearance and motion streams and a curiosity about where they disagree (Huang 2023)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import torch
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.preprocessing import get_action_dim
from stable_baselines3.common.type_aliases import GymEnv
from torch import Tensor, nn

from semore_gym.policies import losses
from semore_gym.policies.encoded import Encoded, one_step_features
from semore_gym.policies.encoders import Encoder
from semore_gym.policies.networks import prediction_head
from semore_gym.policies.replay import FrameBatch
from semore_gym.policies.simoun_encoder import SimounEncoder
from semore_gym.policies.visual_policy import VisualPolicy
from semore_gym.policies.visual_sac import VisualSAC


def intrinsic_reward(appearance: Tensor, motion: Tensor, clip: float) -> Tensor:
    """Compute how much two predictions of the next latent disagree, relative to their batch.

    u = min(d / mean(d), clip) with d the mean squared difference of a sample's two predictions.

    Args:
        appearance: P_a(f_a,t ; a_t), (B, F).
        motion: P_m(f_m,t ; a_t), (B, F).
        clip: Greatest value.

    Returns:
        u, (B, 1) in [0, clip], its mean at most 1.
    """
    disagreement = (appearance - motion).square().mean(dim=1, keepdim=True)
    return (disagreement / disagreement.mean().clamp(min=1e-8)).clamp(max=clip)


class SimounPolicy(VisualPolicy):
    """`VisualPolicy` on Simoun's encoder."""

    default_encoder: ClassVar[type[Encoder]] = SimounEncoder


class Simoun(VisualSAC):
    """VisualSAC on two interacting streams, curious about what they predict differently (Huang 2023).

    The paper's: two streams, for appearance and for motion; a module in which they interact by the structure
    of their maps; an intrinsic reward from how consistent the dynamics are that either stream deduces.
    The authors have published no code; these formulas are our reading of the ideas in their abstract:

    * The streams and their interaction: see `SimounEncoder` and `StructuralInteraction`.
    * Dynamics: a head for each stream predicts the whole next latent from that stream alone,
      L_a = |P_a(f_a,t ; a_t) - f_{t+1}|^2 and L_m likewise, means over batch and components; f_{t+1} comes
      from the target encoder and is a constant. Both losses train the encoder.
    * Curiosity: where the predictions differ the dynamics are not learnt yet, so the critic's target
      becomes y + beta_t * u, with u of `intrinsic_reward` for (o_t, a_t), once whatever the return, and
      beta_t = intrinsic_weight * max(0, 1 - t / intrinsic_steps) at agent step t. As u is relative to its
      batch, beta_t ends the curiosity and learning alone does not; as u is never negative, it favours long
      episodes meanwhile. Rewards in the buffer and in the log stay the environment's.

    Args:
        policy: `"SimounPolicy"` or a subclass of `VisualPolicy` on a `SimounEncoder`.
        env: Environment whose observation is a Box (3k, H, W) uint8 or a Dict with it as `frames`.
        dynamics_weight: Weight of L_a and of L_m.
        intrinsic_weight: beta_0, in units of the reward of one agent step; 0 switches the curiosity off.
        intrinsic_steps: Agent steps after which the curiosity has ended.
        intrinsic_clip: Greatest u.
        **kwargs: Further arguments of `VisualSAC`.

    Example:
        >>> from semore_gym import make_env
        >>> model = Simoun("SimounPolicy", make_env("SemoreCarla-HighWay-v0", image_size=84), seed=0)
        >>> _ = model.learn(2_000)
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {"SimounPolicy": SimounPolicy}

    def __init__(
        self,
        policy: str | type[VisualPolicy],
        env: GymEnv | str,
        dynamics_weight: float = 1.0,
        intrinsic_weight: float = 0.1,
        intrinsic_steps: int = 20_000,
        intrinsic_clip: float = 5.0,
        _init_setup_model: bool = True,
        **kwargs: Any,
    ) -> None:
        if intrinsic_weight < 0:
            raise ValueError(f"intrinsic_weight must be at least 0, got {intrinsic_weight}")
        for name, value in {"intrinsic_steps": intrinsic_steps, "intrinsic_clip": intrinsic_clip}.items():
            if value <= 0:
                raise ValueError(f"{name} must be greater than 0, got {value}")
        super().__init__(policy, env, _init_setup_model=False, **kwargs)
        self.loss_weights = {"appearance_dynamics": dynamics_weight, "motion_dynamics": dynamics_weight}
        self.intrinsic_weight = intrinsic_weight
        self.intrinsic_steps = intrinsic_steps
        self.intrinsic_clip = intrinsic_clip
        if _init_setup_model:
            self._setup_model()

    @property
    def dual_stream(self) -> SimounEncoder:
        """The encoder, by its own type."""
        if not isinstance(self.critic.encoder, SimounEncoder):
            raise ValueError(f"encoder_class must be SimounEncoder, got {type(self.critic.encoder).__name__}")
        return self.critic.encoder

    @property
    def curiosity(self) -> float:
        """beta_t, the weight of the intrinsic reward now."""
        return self.intrinsic_weight * max(0.0, 1.0 - self.num_timesteps / self.intrinsic_steps)

    def make_heads(self) -> dict[str, nn.Module]:
        """Build P_a and P_m, each from one stream's features and the action to the whole next latent."""
        inputs = self.dual_stream.stream_dim + get_action_dim(self.action_space)
        return {
            name: prediction_head(inputs, self.dual_stream.features_dim) for name in ("appearance", "motion")
        }

    def encode(self, batch: FrameBatch) -> Encoded:
        """Make the passes of one update and predict the next latent from each stream."""
        encoded = super().encode(batch)
        streams = zip(("appearance", "motion"), self.dual_stream.streams(encoded.features), strict=True)
        predictions = {
            name: self.heads[name](torch.cat([stream, batch.actions], dim=1)) for name, stream in streams
        }
        return replace(encoded, extras=predictions)

    @torch.no_grad()
    def bootstrap(self, batch: FrameBatch, encoded: Encoded) -> Tensor:
        """Compute the critic's target with the intrinsic reward, y + beta_t * u, (B, 1)."""
        appearance, motion = encoded.extras["appearance"], encoded.extras["motion"]
        bonus = self.curiosity * intrinsic_reward(appearance, motion, self.intrinsic_clip)
        self.meter.add(
            {"simoun/disagreement": (appearance - motion).square().mean(), "simoun/bonus": bonus.mean()}
        )
        return super().bootstrap(batch, encoded) + bonus

    def auxiliary_losses(self, batch: FrameBatch, encoded: Encoded) -> dict[str, Tensor]:
        """Compute L_a and L_m; both are one-step, whatever the return."""
        following = one_step_features(self.critic_target.encoder, batch, encoded.target_features)
        return {
            f"{name}_dynamics": losses.transition_loss(prediction, following)
            for name, prediction in encoded.extras.items()
        }
