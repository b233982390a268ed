"""Semore: semantic and motion streams guided by masks while training (arXiv 2512.05172)."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy.typing as npt
import torch
from gymnasium import spaces
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.preprocessing import get_action_dim
from stable_baselines3.common.type_aliases import GymEnv
from torch import Tensor, nn

from semore_gym.judges import Judge
from semore_gym.policies import losses
from semore_gym.policies.compiled import original
from semore_gym.policies.encoded import Encoded, one_step_features
from semore_gym.policies.encoders.base import Encoder, PixelEncoder
from semore_gym.policies.encoders.dual_stream import DualStreamEncoder, Guidance
from semore_gym.policies.encoders.networks import prediction_head
from semore_gym.policies.replay.frames import FrameReplayBuffer
from semore_gym.policies.replay.samples import FrameBatch
from semore_gym.policies.replay.selective import SelectiveReplayBuffer
from semore_gym.policies.replay.transitions import check_buffer
from semore_gym.policies.visual_policy import SemorePolicy, VisualPolicy, frames_shape
from semore_gym.policies.visual_sac import VisualSAC

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Variant:
    """One row of Table 2 as a configuration.

    Attributes:
        encoder_class: The encoder.
        encoder_kwargs: What it is told besides the user's own arguments.
        losses: Names of the auxiliary losses.
    """

    encoder_class: type[Encoder]
    encoder_kwargs: dict[str, Any]
    losses: tuple[str, ...]


VARIANTS = {
    "m1": Variant(PixelEncoder, {}, ("reward",)),
    "m2": Variant(DualStreamEncoder, {"interaction": False}, ("reward",)),
    "m3": Variant(DualStreamEncoder, {"interaction": False}, ("reward", "semantic")),
    "m4": Variant(DualStreamEncoder, {"interaction": True}, ("reward", "semantic", "transition")),
}


class SemoreSAC(VisualSAC):
    """VisualSAC with two streams, of which masks guide one, and three auxiliary losses (Semore 2025).

    Masks guide training only. By default they enter the one pass over o_t that carries the encoder's
    gradient; acting, the critic's target and the policy's loss never see them.

    Args:
        policy: `"SemorePolicy"` or a subclass of `VisualPolicy`.
        env: Environment whose observation is Dict(frames, mask[, residual]); `m1` and `m2` need no mask.
        variant: Row of Table 2: `m1` semantic stream only, `m2` both streams concatenated, `m3` with L_S-G as
            well, `m4` with motion prediction and interaction as well (Semore).
        semantic_weight: Weight of L_S-G, 1 in the paper.
        transition_weight: Weight of L_trans.
        reward_weight: Weight of L_R.
        transition_reduction: `"mean"`, or `"sum"` for Eq. 8 to the letter.
        guide: `"gradient-pass"`, or `"all"` to guide every pass over o_t, the policy's loss too. The buffer
            hands out masks of o_t alone: o_{t+n} is unguided either way.
        guided_share: Of the samples with a mask, which part is guided, drawn anew for each update; 0 guides
            none, and the mask works through L_S-G alone.
        guide_gradient: Whether the critic's and the heads' gradient reaches the encoder through H^ in K~.
        judge: Name of the judge of the selective buffer, or a judge; None keeps every transition. The
            arguments of one that is named go into `replay_buffer_kwargs={"judge_kwargs": {...}}`.
        learning_starts: As in `VisualSAC`; the judge is asked from there on.
        replay_buffer_class: Instead of `SelectiveReplayBuffer` (or `FrameReplayBuffer` without a judge).
        replay_buffer_kwargs: The buffer's arguments.
        policy_kwargs: The policy's arguments.
        **kwargs: Further arguments of `VisualSAC`.
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {"SemorePolicy": SemorePolicy}
    fixed: ClassVar[frozenset[str]] = VisualSAC.fixed | {"variant"}

    def __init__(
        self,
        policy: str | type[VisualPolicy],
        env: GymEnv | str,
        variant: str = "m4",
        semantic_weight: float = 1.0,
        transition_weight: float = 1.0,
        reward_weight: float = 1.0,
        transition_reduction: Literal["mean", "sum"] = "mean",
        guide: Literal["gradient-pass", "all"] = "gradient-pass",
        guided_share: float = 1.0,
        guide_gradient: bool = False,
        judge: Judge | str | None = "rule",
        learning_starts: int = 1_000,
        replay_buffer_class: type[FrameReplayBuffer] | None = None,
        replay_buffer_kwargs: dict[str, Any] | None = None,
        policy_kwargs: dict[str, Any] | None = None,
        _init_setup_model: bool = True,
        **kwargs: Any,
    ) -> None:
        _check_choice("variant", variant, tuple(VARIANTS))
        _check_choice("transition_reduction", transition_reduction, ("mean", "sum"))
        _check_choice("guide", guide, ("gradient-pass", "all"))
        if not 0.0 <= guided_share <= 1.0:
            raise ValueError(f"guided_share must be in [0, 1], got {guided_share}")
        if judge is not None:
            replay_buffer_class = replay_buffer_class or SelectiveReplayBuffer
            hint = f" with judge={judge!r}; with judge=None a FrameReplayBuffer will do"
            check_buffer(replay_buffer_class, SelectiveReplayBuffer, replay_buffer_kwargs or {}, hint)
            seed = kwargs.get("seed")
            usual = {"judge": judge, "seed": seed or 0, "start": learning_starts}
            replay_buffer_kwargs = {**usual, **(replay_buffer_kwargs or {})}
        super().__init__(
            policy,
            env,
            learning_starts=learning_starts,
            replay_buffer_class=replay_buffer_class,
            replay_buffer_kwargs=replay_buffer_kwargs,
            policy_kwargs=_with_encoder(VARIANTS[variant], policy_kwargs or {}),
            _init_setup_model=False,
            **kwargs,
        )
        weights = {"reward": reward_weight, "semantic": semantic_weight, "transition": transition_weight}
        self.variant = variant
        self.loss_weights = {name: weights[name] for name in VARIANTS[variant].losses}
        self.transition_reduction = transition_reduction
        self.guide = guide
        self.guided_share = guided_share
        self._first_variance: float | None = None
        self._collapse_told = False
        self.guide_gradient = guide_gradient
        if _init_setup_model:
            self._setup_model()

    def make_heads(self) -> dict[str, nn.Module]:
        """Build the reward head R(f, a) and, where motion is predicted, P_m(f_m, a)."""
        encoder, actions = self.critic.encoder, get_action_dim(self.action_space)
        heads: dict[str, nn.Module] = {"reward": prediction_head(encoder.features_dim + actions, 1)}
        if "transition" in self.loss_weights:
            motion = self.dual_stream.stream_dim
            heads["transition"] = prediction_head(motion + actions, motion)
        return heads

    @property
    def dual_stream(self) -> DualStreamEncoder:
        """The encoder, where the variant has two streams."""
        encoder = original(self.critic.encoder)
        if not isinstance(encoder, DualStreamEncoder):
            raise ValueError(
                f"encoder_class must be a DualStreamEncoder for variant {self.variant!r}, "
                f"got {type(encoder).__name__}"
            )
        return encoder

    def encode(self, batch: FrameBatch) -> Encoded:
        """Make the passes of one update; the one over o_t is guided where o_t has a mask."""
        if "semantic" not in self.loss_weights:
            return super().encode(batch)
        encoder = self.dual_stream
        maps = encoder.convolve(encoder.prepare(batch.frames))
        guidance = encoder.guidance(maps[0], batch.masks, self.guide_gradient, self.guided_share)
        mixed = encoder.mix(maps, guidance.keys)
        features = encoder.head(mixed)
        with torch.no_grad():
            plain_maps = encoder.mix(maps)
            plain = encoder.head(plain_maps)
        self._log_guidance(maps[0], features, plain, guidance)
        if self.guide == "all":
            plain_maps, plain = tuple(each.detach() for each in mixed), features.detach()
        extras = {"rows": guidance.rows, "knowledge": guidance.knowledge}
        return Encoded(maps, features, plain_maps, plain, *self.encode_next(batch), extras)

    def auxiliary_losses(self, batch: FrameBatch, encoded: Encoded) -> dict[str, Tensor]:
        """Compute L_R, L_S-G and L_trans, those that the variant has (Eq. 5, 8, 9)."""
        inputs = torch.cat([encoded.features, batch.actions], dim=1)
        named = {"reward": losses.reward_loss(self.heads["reward"](inputs), batch.step_rewards)}
        if "semantic" in self.loss_weights:
            named["semantic"] = self._semantic_loss(encoded)
        if "transition" in self.loss_weights:
            named["transition"] = self._transition_loss(batch, encoded)
        return named

    def _semantic_loss(self, encoded: Encoded) -> Tensor:
        masked = encoded.maps[0][encoded.extras["rows"]]
        loss, clamped = losses.semantic_guidance_loss(masked, encoded.extras["knowledge"])
        self.meter.add({"semantic/clamped": clamped})
        return loss

    def _transition_loss(self, batch: FrameBatch, encoded: Encoded) -> Tensor:
        motion = self.dual_stream.motion_features
        predicted = self.heads["transition"](torch.cat([motion(encoded.features), batch.actions], dim=1))
        following = one_step_features(self.critic_target.encoder, batch, encoded.target_features)
        return losses.transition_loss(predicted, motion(following), self.transition_reduction)

    @torch.no_grad()
    def _log_guidance(self, semantic: Tensor, guided: Tensor, plain: Tensor, guidance: Guidance) -> None:
        if len(guidance.rows):
            size = guidance.knowledge.abs().flatten(1).sum(dim=1).mean()
            self.meter.add({"semantic/blank_to_knowledge": guidance.blank.abs().sum() / size.clamp(min=1e-8)})
        variance = semantic.var(dim=0).mean()
        if self._first_variance is None:
            self._first_variance = float(variance)
        self.meter.add(
            {
                "semantic/masked_fraction": semantic.new_tensor(len(guidance.rows) / len(semantic)),
                "semantic/batch_variance": variance,
                "semantic/guidance_gap": (guided - plain).norm() / plain.norm(),
            }
        )

    def watch(self, logged: Mapping[str, float]) -> None:
        """Warn once when the semantic stream has gone silent: it tells observations apart no more."""
        variance = logged.get("semantic/batch_variance", math.inf)
        if self._first_variance is None or self._collapse_told or variance >= 1e-3 * self._first_variance:
            return
        self._collapse_told = True
        logger.warning(
            "the semantic stream has collapsed: after %d updates semantic/batch_variance is %.1e, "
            "at the first it was %.1e",
            self._n_updates,
            variance,
            self._first_variance,
        )

    def _setup_learn(self, *args: Any, **kwargs: Any) -> Any:
        ready = super()._setup_learn(*args, **kwargs)
        self._remember_resets()
        return ready

    def _store_transition(
        self,
        replay_buffer: ReplayBuffer,
        buffer_action: npt.NDArray[Any],
        new_obs: Any,
        reward: npt.NDArray[Any],
        dones: npt.NDArray[Any],
        infos: list[dict[str, Any]],
    ) -> None:
        super()._store_transition(replay_buffer, buffer_action, new_obs, reward, dones, infos)
        if dones.any():
            self._remember_resets()

    def _remember_resets(self) -> None:
        # the judge of an episode's first action needs the reset's info, which SB3 does not hand to buffers
        if isinstance(self.replay_buffer, SelectiveReplayBuffer) and self.env is not None:
            self.replay_buffer.remember_resets(self.env.unwrapped.reset_infos)

    def _setup_model(self) -> None:
        frames_shape(self.observation_space)
        has_mask = isinstance(self.observation_space, spaces.Dict) and "mask" in self.observation_space.spaces
        if "semantic" in self.loss_weights and not has_mask:
            raise ValueError(
                f"observation_space must have a 'mask' for variant {self.variant!r}, "
                f"got {self.observation_space}; wrap the environment in semore_gym.wrappers.SemanticMask (as "
                "semore_gym.make_env does), or use variant='m2', which has no mask loss"
            )
        super()._setup_model()


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")


def _with_encoder(variant: Variant, policy_kwargs: dict[str, Any]) -> dict[str, Any]:
    encoder_kwargs = {**policy_kwargs.get("encoder_kwargs", {}), **variant.encoder_kwargs}
    return {"encoder_class": variant.encoder_class, **policy_kwargs, "encoder_kwargs": encoder_kwargs}
