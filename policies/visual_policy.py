"""The policy of every visual method: the encoder belongs to the critic, the actor sees its features."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import ContinuousCritic
from stable_baselines3.common.torch_layers import FlattenExtractor, get_actor_critic_arch
from stable_baselines3.common.type_aliases import PyTorchObs, Schedule
from stable_baselines3.sac.policies import Actor, SACPolicy
from torch import Tensor, nn

from semore_gym.policies.encoders.base import Encoder, PixelEncoder
from semore_gym.policies.encoders.dual_stream import DualStreamEncoder
from semore_gym.policies.encoders.networks import Maps, initialise


def frames_shape(space: spaces.Space[Any]) -> tuple[int, int, int]:
    """Find the shape of the stacked frames in an observation space.

    Args:
        space: Box (3k, H, W) uint8, or a Dict that has such a Box as `frames`.

    Returns:
        (3k, H, W).

    Raises:
        ValueError: If there are no stacked frames; the message names the wrapper that makes them.
    """
    box = space.spaces.get("frames") if isinstance(space, spaces.Dict) else space
    shape = box.shape if isinstance(box, spaces.Box) and box.dtype == np.uint8 else ()
    if len(shape) != 3 or shape[0] % 3:
        raise ValueError(
            "observation_space must be a Box of stacked frames (3k, H, W) uint8 or a Dict with such a Box as "
            f"'frames', got {space}; wrap the environment in semore_gym.wrappers.FrameHistory"
        )
    return shape


def scaled_shape(shape: tuple[int, int, int], scale: float) -> tuple[int, int, int]:
    """Find the shape of what an encoder sees of stacked frames.

    Args:
        shape: (3k, H, W).
        scale: Its side over the frames' side.

    Returns:
        (3k, ceil(scale * H), ceil(scale * W)).

    Raises:
        ValueError: If `scale` is no such fraction.
    """
    if not 0 < scale <= 2:
        raise ValueError(f"image_scale must be a fraction of the images' side in (0, 2], got {scale}")
    # rounded first: 0.07 * 100 is a little more than 7
    height, width = (math.ceil(round(scale * side, 6)) for side in shape[1:])
    return shape[0], height, width


class VisualCritic(ContinuousCritic):
    """SAC's critics and the encoder whose features they value.

    Args:
        encoder: An `Encoder`; its parameters are the critic's.
        action_space: Box of the actions.
        net_arch: Widths of the hidden layers.
        activation_fn: Class of the hidden activations.
        n_critics: How many value networks.
    """

    def __init__(
        self,
        encoder: Encoder,
        features_space: spaces.Box,
        action_space: spaces.Box,
        net_arch: list[int],
        activation_fn: type[nn.Module],
        n_critics: int,
    ) -> None:
        features = FlattenExtractor(features_space)
        super().__init__(
            features_space,
            action_space,
            net_arch,
            features,
            features.features_dim,
            activation_fn,
            n_critics=n_critics,
        )
        initialise(self)
        self.encoder = encoder

    def values(self, features: Tensor, actions: Tensor) -> Tensor:
        """Value actions.

        Args:
            features: (B, features_dim) float32, made by the encoder.
            actions: (B, A) float32 in [-1, 1].

        Returns:
            (B, n_critics) float32.
        """
        inputs = torch.cat([features, actions], dim=1)
        return torch.cat([network(inputs) for network in self.q_networks], dim=1)


class VisualActor(Actor):
    """SAC's actor on a head of its own over the maps of the critic's encoder (SAC-AE, CURL, DMR).

    Its observations are mixed maps, which the encoder's `look` makes of frames.

    Args:
        encoder: Whose maps it will see; nothing of it is kept.
        features_space: Box of the head's features.
        action_space: Box of the actions.
        net_arch: Widths of the hidden layers.
        activation_fn: Class of the hidden activations.
    """

    def __init__(
        self,
        encoder: Encoder,
        features_space: spaces.Box,
        action_space: spaces.Box,
        net_arch: list[int],
        activation_fn: type[nn.Module],
    ) -> None:
        features = FlattenExtractor(features_space)
        super().__init__(
            features_space, action_space, net_arch, features, features.features_dim, activation_fn
        )
        initialise(self)
        self.head = encoder.make_head()

    def extract_features(self, obs: Maps, features_extractor: nn.Module) -> Tensor:  # type: ignore[override]
        """Turn mixed maps, each (B, C, h, w), into features (B, features_dim)."""
        return self.head(obs)  # type: ignore[no-any-return]

    def action_log_prob(self, obs: Maps) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Draw actions (B, A) for mixed maps, and give the logarithms of their densities (B,)."""
        return super().action_log_prob(obs)  # type: ignore[arg-type]


class VisualPolicy(SACPolicy):
    """SAC's actor and critics on one encoder, which the critic owns.

    Stable-Baselines3 trains a shared features extractor by the policy's loss only; every method here trains
    its encoder by the critic's loss and the auxiliary ones, and hands the actor detached maps, on which it
    has a Linear and a LayerNorm of its own.

    Args:
        observation_space: Box (3k, H, W) uint8 or a Dict with it as `frames`.
        action_space: Box of the actions.
        lr_schedule: Learning rate as a function of the remaining progress.
        net_arch: Widths of the hidden layers of actor and critics.
        activation_fn: Class of their activations.
        use_sde: Must be False; Stable-Baselines3 always passes it.
        encoder_class: The encoder; the class attribute `default_encoder` when None.
        encoder_kwargs: Its arguments besides the frames' shape.
        image_scale: Side of what the encoder sees over the frames' side. It sees the centre of the frames
            below 1, and above 1 the frames in the centre of a black canvas.
        n_critics: How many value networks.
        optimizer_class: Optimiser of actor and critic.
        optimizer_kwargs: Its arguments besides the learning rate; None makes Adam a fused one.
    """

    default_encoder: ClassVar[type[Encoder]] = PixelEncoder
    action_space: spaces.Box
    actor: VisualActor
    critic: VisualCritic
    critic_target: VisualCritic

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Box,
        lr_schedule: Schedule,
        net_arch: list[int] | dict[str, list[int]] | None = None,
        activation_fn: type[nn.Module] = nn.ReLU,
        use_sde: bool = False,
        encoder_class: type[Encoder] | None = None,
        encoder_kwargs: dict[str, Any] | None = None,
        image_scale: float = 1.0,
        n_critics: int = 2,
        optimizer_class: type[torch.optim.Optimizer] = torch.optim.Adam,
        optimizer_kwargs: dict[str, Any] | None = None,
    ) -> None:
        if optimizer_kwargs is None and optimizer_class is torch.optim.Adam:
            optimizer_kwargs = {"fused": True}  # one pass over all parameters instead of several over each
        if use_sde:
            raise ValueError("use_sde must be False: visual methods have no state-dependent exploration")
        self.encoder_class = encoder_class or self.default_encoder
        self.encoder_kwargs = encoder_kwargs or {}
        self.image_scale = image_scale
        self.n_critics = n_critics
        super().__init__(
            observation_space,
            action_space,
            lr_schedule,
            net_arch=[1024, 1024] if net_arch is None else net_arch,
            activation_fn=activation_fn,
            optimizer_class=optimizer_class,
            optimizer_kwargs=optimizer_kwargs,
            n_critics=n_critics,
        )

    @classmethod
    def observed_shape(cls, space: spaces.Space[Any]) -> tuple[int, ...]:
        """Find the shape of what is looked at in an observation, see `frames_shape`."""
        return frames_shape(space)

    def encoder_shape(self) -> tuple[int, int, int]:
        """The shape of what the encoder sees."""
        return scaled_shape(frames_shape(self.observation_space), self.image_scale)

    def _build(self, lr_schedule: Schedule) -> None:
        actor_arch, critic_arch = get_actor_critic_arch(self.net_arch)
        self.critic = self._make_critic(critic_arch)
        self.critic_target = self._make_critic(critic_arch)
        self.critic_target.load_state_dict(self.critic.state_dict())
        self.critic_target.requires_grad_(False)
        self.critic_target.set_training_mode(False)
        encoder = self.critic.encoder
        self.actor = VisualActor(
            encoder, self._features_space(encoder), self.action_space, actor_arch, self.activation_fn
        )
        for part in (self.actor, self.critic):
            part.optimizer = self.optimizer_class(
                part.parameters(),
                lr=lr_schedule(1),  # type: ignore[call-arg]
                **self.optimizer_kwargs,
            )

    def _make_critic(self, net_arch: list[int]) -> VisualCritic:
        encoder = self.encoder_class(self.encoder_shape(), **self.encoder_kwargs)
        space = self._features_space(encoder)
        return VisualCritic(encoder, space, self.action_space, net_arch, self.activation_fn, self.n_critics)

    @staticmethod
    def _features_space(encoder: Encoder) -> spaces.Box:
        return spaces.Box(-np.inf, np.inf, (encoder.features_dim,), np.float32)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return {
            "observation_space": self.observation_space,
            "action_space": self.action_space,
            "lr_schedule": self._dummy_schedule,
            "net_arch": self.net_arch,
            "activation_fn": self.activation_fn,
            "encoder_class": self.encoder_class,
            "encoder_kwargs": self.encoder_kwargs,
            "image_scale": self.image_scale,
            "n_critics": self.n_critics,
            "optimizer_class": self.optimizer_class,
            "optimizer_kwargs": self.optimizer_kwargs,
        }

    def _predict(self, observation: PyTorchObs, deterministic: bool = False) -> Tensor:
        frames = observation["frames"] if isinstance(observation, dict) else observation
        return self.actor(self.critic.encoder.look(frames), deterministic)  # type: ignore[no-any-return]


class SemorePolicy(VisualPolicy):
    """`VisualPolicy` on the dual-stream encoder."""

    default_encoder: ClassVar[type[Encoder]] = DualStreamEncoder
