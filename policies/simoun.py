"""Simoun: appearance and motion streams and a curiosity about where they disagree (Huang 2023)."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

import torch
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.preprocessing import get_action_dim
from stable_baselines3.common.type_aliases import GymEnv
from torch import Tensor, nn

from semore_gym.policies import losses
from semore_gym.policies.augmentations import random_convolution
from semore_gym.policies.compiled import original
from semore_gym.policies.curl import info_nce
from semore_gym.policies.encoded import Encoded, one_step_features
from semore_gym.policies.encoders.base import Encoder, Inputs
from semore_gym.policies.encoders.networks import prediction_head
from semore_gym.policies.encoders.simoun import SimounEncoder
from semore_gym.policies.replay.samples import FrameBatch
from semore_gym.policies.visual_policy import VisualCritic, VisualPolicy
from semore_gym.policies.visual_sac import VisualSAC


def contrastive_loss(features: Tensor, augmented: Tensor) -> Tensor:
    """Compute L_con (Eq. 3), which tells the appearances of a batch apart.

    mean_i -log(exp(f_i . f~_i) / (exp(f_i . f~_i) + sum_{j != i} exp(f_i . f_j))).

    Args:
        features: f_a of the frames, (B, D).
        augmented: f~_a of the same frames, augmented, (B, D).

    Returns:
        A scalar.
    """
    similarities = features @ features.T  # (B, B)
    return info_nce(similarities.diagonal_scatter((features * augmented).sum(dim=1)))


def inconsistency(before: Tensor, last: Tensor, now: Tensor, motion: Tensor) -> Tensor:
    """Compute how far motion and the changes of appearance are apart, d of Eq. 13.

    || |f_m,t| - (|f_a,t-1 - f_a,t-2| + |f_a,t - f_a,t-1|) ||_2 with |.| component by component.

    Args:
        before: f_a,t-2, (B, D).
        last: f_a,t-1, (B, D).
        now: f_a,t, (B, D).
        motion: f_m,t, (B, D).

    Returns:
        (B, 1), at least 0.
    """
    changes = (last - before).abs() + (now - last).abs()
    distances: Tensor = torch.linalg.vector_norm(motion.abs() - changes, dim=1, keepdim=True)
    return distances


class Curiosity(nn.Module):
    """The intrinsic reward r_i = C exp(-lambda t) d * r_e,max / r_i,max (Eq. 13).

    r_i,max is the greatest d, before C and the decay, as in CCFDM's code (Nguyen 2021).

    Args:
        weight: C.
        decay: lambda, per agent step.
        extrinsic_max: What r_e,max starts at.
        intrinsic_max: What r_i,max starts at.

    Attributes:
        extrinsic_max: r_e,max, the greatest reward so far, one element.
        intrinsic_max: r_i,max, the greatest d so far, one element.
    """

    extrinsic_max: Tensor
    intrinsic_max: Tensor

    def __init__(self, weight: float, decay: float, extrinsic_max: float, intrinsic_max: float) -> None:
        super().__init__()
        self.weight = weight
        self.decay = decay
        self.register_buffer("extrinsic_max", torch.tensor(extrinsic_max))
        self.register_buffer("intrinsic_max", torch.tensor(intrinsic_max))

    @torch.no_grad()
    def forward(self, distances: Tensor, rewards: Tensor, steps: int) -> Tensor:
        """Raise the maxima to those of a batch, where they are lower, and reward its samples.

        Args:
            distances: d, (B, 1).
            rewards: One-step rewards r_e, (B, 1).
            steps: t, agent steps so far.

        Returns:
            r_i, (B, 1), without gradient; at most C exp(-lambda t) r_e,max.
        """
        self.extrinsic_max.copy_(torch.maximum(self.extrinsic_max, rewards.max()))
        self.intrinsic_max.copy_(torch.maximum(self.intrinsic_max, distances.max()))
        share = self.weight * math.exp(-self.decay * steps)
        return share * distances * self.extrinsic_max / self.intrinsic_max


class SimounPolicy(VisualPolicy):
    """`VisualPolicy` on Simoun's encoder."""

    default_encoder: ClassVar[type[Encoder]] = SimounEncoder


class Simoun(VisualSAC):
    """VisualSAC on two interacting streams, curious about what they see differently (Huang 2023).

    L = L_tran + L_con + L_re + L_SAC (Eq. 14), the encoder's (see `SimounEncoder`) by all four:

    * L_tran = |G(f_m,t ; a_t) - f_m,t+1|^2, of the motion stream alone (Eq. 2).
    * L_con, of the appearance stream alone: see `contrastive_loss` (Eq. 3). f~_i sees o_i after a random
      convolution; augmented frames reach neither critic nor actor.
    * L_re = (R(f_t ; a_t) - r_{t+1})^2, of both (Eq. 7).
    * The critic's target is y + r_i (Eq. 12), with r_i of `inconsistency` and `Curiosity` (Eq. 13). Rewards
      in the buffer and in the log stay the environment's.

    The paper's text leaves much open, and neither its supplement nor code is public. Ours are:

    * L_tran: f_m,t+1 is the target encoder's, a constant; the mean over components. G and R are DeepMDP's
      heads. L_tran and L_re are one-step, whatever the return.
    * L_con: both f_i and f~_i are the online encoder's, of the newest frame and without the interaction,
      which needs three; the gradient flows through all of them. For the convolution see `random_convolution`.
    * r_i: features are the target encoder's, of the maps before the interaction, since that enhances only
      the newest. It is r_i of (o_t, a_t), once whatever the return. t counts agent steps. Maxima are those of
      the batches so far, of rewards as scaled for learning, and are saved with the model. C, lambda and the
      maxima's first values are those in the code of CCFDM (Nguyen 2021), from which the form of r_i comes.
      A LayerNorm makes ||f_m|| about sqrt(D), and neighbouring frames look alike: while they do, d is almost
      the same everywhere, and r_i favours long episodes more than it tells observations apart (see
      `simoun/bonus` and `simoun/bonus_deviation` in the log).
    * Images, strides, batch size, learning and target rates are those of all methods here.

    Args:
        policy: `"SimounPolicy"` or a subclass of `VisualPolicy` on a `SimounEncoder`.
        env: Environment whose observation is a Box (3k, H, W) uint8 or a Dict with it as `frames`, k at
            least 3.
        transition_weight: Weight of L_tran.
        contrastive_weight: Weight of L_con.
        reward_weight: Weight of L_re.
        transition_reduction: `"mean"`, or `"sum"` for Eq. 2 to the letter.
        intrinsic_weight: C; 0 switches the curiosity off.
        intrinsic_decay: lambda, per agent step.
        initial_extrinsic_max: What r_e,max starts at, in units of the scaled reward of one agent step.
        initial_intrinsic_max: What r_i,max starts at, in units of d.
        **kwargs: Further arguments of `VisualSAC`.

    Example:
        >>> from semore_gym import make_env
        >>> model = Simoun("SimounPolicy", make_env("SemoreCarla-HighWay-v0", image_size=84), seed=0)
        >>> _ = model.learn(100)
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {"SimounPolicy": SimounPolicy}

    def __init__(
        self,
        policy: str | type[VisualPolicy],
        env: GymEnv | str,
        transition_weight: float = 1.0,
        contrastive_weight: float = 1.0,
        reward_weight: float = 1.0,
        transition_reduction: Literal["mean", "sum"] = "mean",
        intrinsic_weight: float = 0.2,
        intrinsic_decay: float = 2e-5,
        initial_extrinsic_max: float = 1.0,
        initial_intrinsic_max: float = 1e-6,
        **kwargs: Any,
    ) -> None:
        if transition_reduction not in ("mean", "sum"):
            raise ValueError(f"transition_reduction must be mean or sum, got {transition_reduction!r}")
        _require({"intrinsic_weight": intrinsic_weight, "intrinsic_decay": intrinsic_decay}, above=False)
        maxima = {
            "initial_extrinsic_max": initial_extrinsic_max,
            "initial_intrinsic_max": initial_intrinsic_max,
        }
        _require(maxima, above=True)
        # before the base's constructor, which calls `make_heads`
        self.intrinsic_weight = intrinsic_weight
        self.intrinsic_decay = intrinsic_decay
        self.initial_extrinsic_max = initial_extrinsic_max
        self.initial_intrinsic_max = initial_intrinsic_max
        super().__init__(policy, env, **kwargs)
        self.loss_weights = {
            "transition": transition_weight,
            "contrastive": contrastive_weight,
            "reward": reward_weight,
        }
        self.transition_reduction = transition_reduction

    @property
    def dual_stream(self) -> SimounEncoder:
        """The encoder, by its own type."""
        return _encoder_of(self.critic)

    def make_heads(self) -> dict[str, nn.Module]:
        """Build G(f_m, a), R(f, a) and what keeps the curiosity's maxima."""
        encoder, actions = self.dual_stream, get_action_dim(self.action_space)
        return {
            "transition": prediction_head(encoder.stream_dim + actions, encoder.stream_dim),
            "reward": prediction_head(encoder.features_dim + actions, 1),
            "curiosity": Curiosity(
                self.intrinsic_weight,
                self.intrinsic_decay,
                self.initial_extrinsic_max,
                self.initial_intrinsic_max,
            ),
        }

    def encode(self, batch: FrameBatch) -> Encoded:
        """Make the passes of one update, one over augmented frames among them, and compute d."""
        encoder = self.dual_stream
        inputs = encoder.prepare(batch.frames)
        maps = encoder.convolve(inputs)
        mixed = encoder.mix(maps)
        features = encoder.head(mixed)
        policy_maps = tuple(each.detach() for each in mixed)
        view = encoder.appearance(random_convolution(encoder.newest(inputs)))
        extras = {
            "appearance": encoder.appearance_features(maps[2]),
            "augmented": encoder.appearance_features(view),
            "inconsistency": self._inconsistency(inputs),
        }
        return Encoded(maps, features, policy_maps, features.detach(), *self.encode_next(batch), extras)

    @torch.no_grad()
    def bootstrap(self, batch: FrameBatch, encoded: Encoded) -> Tensor:
        """Compute the critic's target with the intrinsic reward, y + r_i, (B, 1) (Eq. 12)."""
        distances = encoded.extras["inconsistency"]
        bonus: Tensor = self.heads["curiosity"](distances, batch.step_rewards, self.num_timesteps)
        named = {"simoun/inconsistency": distances, "simoun/bonus": bonus}
        self.meter.add({name: values.mean() for name, values in named.items()})
        self.meter.add({"simoun/bonus_deviation": bonus.std(correction=0)})
        return super().bootstrap(batch, encoded) + bonus

    def auxiliary_losses(self, batch: FrameBatch, encoded: Encoded) -> dict[str, Tensor]:
        """Compute L_tran, L_con and L_re (Eq. 2, 3, 7)."""
        encoder, extras = self.dual_stream, encoded.extras
        _, motion = encoder.streams(encoded.features)
        predicted = self.heads["transition"](torch.cat([motion, batch.actions], dim=1))
        following = one_step_features(self.critic_target.encoder, batch, encoded.target_features)
        rewards = self.heads["reward"](torch.cat([encoded.features, batch.actions], dim=1))
        self.meter.add({"simoun/beta": encoder.interaction.beta.detach().clone()})
        return {
            "transition": losses.transition_loss(
                predicted, encoder.streams(following)[1], self.transition_reduction
            ),
            "contrastive": contrastive_loss(extras["appearance"], extras["augmented"]),
            "reward": losses.reward_loss(rewards, batch.step_rewards),
        }

    @torch.no_grad()
    def _inconsistency(self, inputs: Inputs) -> Tensor:
        target = _encoder_of(self.critic_target)
        *appearance, motion = target.convolve(inputs)
        before, last, now = (target.appearance_features(maps) for maps in appearance)
        return inconsistency(before, last, now, target.motion_features(motion))


def _encoder_of(critic: VisualCritic) -> SimounEncoder:
    encoder = original(critic.encoder)
    if not isinstance(encoder, SimounEncoder):
        raise ValueError(f"encoder_class must be SimounEncoder, got {type(encoder).__name__}")
    return encoder


def _require(values: dict[str, float], above: bool) -> None:
    for name, value in values.items():
        if not (value > 0 if above else value >= 0):
            raise ValueError(f"{name} must be {'greater than' if above else 'at least'} 0, got {value}")
