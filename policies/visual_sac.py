"""SAC from pixels: the one update loop that every visual method shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.type_aliases import GymEnv, Schedule
from torch import Tensor, nn

from semore_gym.policies import losses
from semore_gym.policies.acceleration import Acceleration, accelerate, check_acceleration
from semore_gym.policies.encoded import Encoded
from semore_gym.policies.encoders.networks import Maps, update_average
from semore_gym.policies.metered import MeteredSAC
from semore_gym.policies.replay.frames import FrameReplayBuffer
from semore_gym.policies.replay.samples import FrameBatch
from semore_gym.policies.replay.transitions import TransitionBuffer
from semore_gym.policies.visual_policy import VisualActor, VisualCritic, VisualPolicy


class VisualSAC(MeteredSAC):
    """SAC whose encoder is trained by the critic's loss (Haarnoja 2018; Yarats 2019).

    One update is `sample`, `augment`, `update_critic` (which calls `encode` and `auxiliary_losses` and takes
    one backward pass and one Adam step for encoder, critics and heads), `update_actor` (with the temperature)
    and `update_targets`. A method overrides one of them; its learnable heads come from `make_heads`.

    Args:
        policy: `"VisualPolicy"` or a subclass of `VisualPolicy`.
        env: Environment whose observation is a Box (3k, H, W) uint8 or a Dict with it as `frames`.
        learning_rate: Of encoder, critics, heads and actor; a number or a schedule.
        buffer_size: Transitions kept.
        learning_starts: Agent steps before the first update, with random actions.
        batch_size: Transitions a batch.
        warm_up_updates: Updates at once when learning starts; None is `learning_starts` (DMR, Xu 2024),
            0 none.
        reward_scale: What rewards are multiplied by for learning; the buffer and the log keep them as they
            are. None takes the environment's `reward_scale`, 1 where it has none. That of a `DrivingEnv` is
            1 / frame_skip, so that the mean over a step's ticks is learnt from, not their sum.
        tau: Step of the moving average towards the critics, a target update.
        encoder_tau: The same towards the encoder.
        ent_coef: Temperature, `"auto_<start>"` or a fixed number.
        ent_coef_lr: Learning rate of the temperature, a constant.
        actor_every: Critic updates per update of actor and temperature.
        target_every: Critic updates per update of the targets.
        acceleration: How the convolutions, most of the work, are computed: `"off"` as PyTorch does, `"bf16"`
            in bfloat16, `"compile"` by torch.compile, `"compile-bf16"` both. On a CPU bfloat16 is quicker
            where it has instructions for it, and much slower where not.
        replay_buffer_class: `FrameReplayBuffer` or a subclass.
        replay_buffer_kwargs: Its arguments; n-step returns are asked for here, as `n_steps`.
        policy_kwargs: The policy's arguments.
        **kwargs: Further arguments of `stable_baselines3.SAC`.
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {"VisualPolicy": VisualPolicy}
    observation: ClassVar[Literal["image", "state"]] = "image"  # which of a DrivingEnv's it learns from
    buffer_class: ClassVar[type[TransitionBuffer]] = FrameReplayBuffer
    policy: VisualPolicy
    actor: VisualActor
    critic: VisualCritic
    critic_target: VisualCritic
    heads: nn.ModuleDict

    def __init__(
        self,
        policy: str | type[VisualPolicy],
        env: GymEnv | str,
        learning_rate: float | Schedule = 1e-3,
        buffer_size: int = 100_000,
        learning_starts: int = 1_000,
        batch_size: int = 128,
        warm_up_updates: int | None = None,
        reward_scale: float | None = None,
        tau: float = 0.01,
        encoder_tau: float = 0.05,
        ent_coef: str | float = "auto_0.1",
        ent_coef_lr: float = 1e-4,
        actor_every: int = 2,
        target_every: int = 2,
        acceleration: Acceleration = "off",
        replay_buffer_class: type[TransitionBuffer] | None = None,
        replay_buffer_kwargs: dict[str, Any] | None = None,
        policy_kwargs: dict[str, Any] | None = None,
        _init_setup_model: bool = True,
        **kwargs: Any,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        if warm_up_updates is not None and warm_up_updates < 0:
            raise ValueError(f"warm_up_updates must be at least 0, got {warm_up_updates}")
        if reward_scale is not None and not reward_scale > 0:
            raise ValueError(f"reward_scale must be greater than 0, got {reward_scale}")
        if (steps := kwargs.get("n_steps", 1)) != 1:
            raise ValueError(f"n_steps must be given as replay_buffer_kwargs={{'n_steps': {steps}}}")
        check_acceleration(acceleration)
        self.check_arguments(kwargs)
        super().__init__(
            policy,
            env,
            learning_rate=learning_rate,
            buffer_size=buffer_size,
            learning_starts=learning_starts,
            batch_size=batch_size,
            tau=tau,
            ent_coef=ent_coef,
            replay_buffer_class=replay_buffer_class or self.buffer_class,
            replay_buffer_kwargs=replay_buffer_kwargs,
            policy_kwargs=dict(policy_kwargs or {}),  # a copy: SB3 writes into it
            _init_setup_model=False,
            **kwargs,
        )
        self.algorithm = type(self).__name__
        self.warm_up_updates = learning_starts if warm_up_updates is None else warm_up_updates
        self.reward_scale = reward_scale
        self.acceleration = acceleration
        self.encoder_tau = encoder_tau
        self.ent_coef_lr = ent_coef_lr
        self.actor_every = actor_every
        self.target_every = target_every
        self.loss_weights: dict[str, float] = {}
        if _init_setup_model:
            self._setup_model()

    @classmethod
    def rendered_side(cls, side: int, options: Mapping[str, Any]) -> int:
        """Find how large pictures must be for the encoder to see `side` pixels; as large, here.

        Args:
            side: What the encoder is to see [px].
            options: Keywords that the algorithm will be made with.
        """
        return side

    @classmethod
    def seen_side(cls, side: int, options: Mapping[str, Any]) -> int:
        """Find how much an encoder sees of pictures of `side` pixels [px]; all of it, here."""
        return side

    def make_heads(self) -> dict[str, nn.Module]:
        """Build the networks of the auxiliary losses; they train and are saved with the critic."""
        return {}

    def sample(self, batch_size: int) -> FrameBatch:
        """Draw a batch, its rewards scaled."""
        batch = self.transitions.sample_frames(batch_size)
        assert self.reward_scale is not None
        return batch._replace(
            rewards=batch.rewards * self.reward_scale, step_rewards=batch.step_rewards * self.reward_scale
        )

    def augment(self, batch: FrameBatch) -> FrameBatch:
        """Augment a batch; nothing here."""
        return batch

    def encode(self, batch: FrameBatch) -> Encoded:
        """Make an update's passes: o_t with gradient, o_{t+n} without, o_{t+n} by the target encoder."""
        encoder = self.critic.encoder
        maps = encoder.convolve(encoder.prepare(batch.frames))
        mixed = encoder.mix(maps)
        features = encoder.head(mixed)
        policy_maps = tuple(each.detach() for each in mixed)
        return Encoded(maps, features, policy_maps, features.detach(), *self.encode_next(batch))

    @torch.no_grad()
    def encode_next(self, batch: FrameBatch) -> tuple[Maps, Tensor]:
        """Give o_{t+n} as mixed maps of the online encoder and as features (B, F) of the target encoder."""
        inputs = self.critic.encoder.prepare(batch.next_frames)
        online, target = self.critic.encoder, self.critic_target.encoder
        return online.mix(online.convolve(inputs)), target.head(target.mix(target.convolve(inputs)))

    def auxiliary_losses(self, batch: FrameBatch, encoded: Encoded) -> dict[str, Tensor]:
        """Compute a method's further losses by name, each a scalar; their weights are `loss_weights`."""
        return {}

    @torch.no_grad()
    def bootstrap(self, batch: FrameBatch, encoded: Encoded) -> Tensor:
        """Compute the critic's target y, (B, 1)."""
        actions, log_prob = self.actor.action_log_prob(encoded.next_maps)
        next_q = self.critic_target.values(encoded.target_features, actions)
        return losses.soft_target(
            batch.rewards, batch.dones, batch.discounts, next_q, log_prob.reshape(-1, 1), self.temperature
        )

    def train(self, gradient_steps: int, batch_size: int = 128) -> None:
        """Do `gradient_steps` updates, or wait where the buffer cannot fill a batch.

        The first time, `warm_up_updates` come before them.
        """
        if self.transitions.sampleable < batch_size:
            self.note_wait(batch_size)
            return
        self.policy.set_training_mode(True)
        self._update_learning_rate([self.actor.optimizer, self.critic.optimizer])
        if self._n_updates == 0:
            gradient_steps += self.warm_up_updates
        for _ in range(gradient_steps):
            batch = self.augment(self.sample(batch_size))
            encoded = self.update_critic(batch)
            self._n_updates += 1
            if self._n_updates % self.actor_every == 0:
                self.update_actor(encoded)
            if self._n_updates % self.target_every == 0:
                self.update_targets()
        self.note_updates(gradient_steps)

    def update_critic(self, batch: FrameBatch) -> Encoded:
        """Take one Adam step on critics, encoder and heads, by the critic's and the auxiliary losses."""
        encoded = self.encode(batch)
        q = self.critic.values(encoded.features, batch.actions)
        named = {"critic": losses.critic_loss(q, self.bootstrap(batch, encoded))}
        named.update(self._checked(self.auxiliary_losses(batch, encoded)))
        total = sum(
            (self.loss_weights.get(name, 1.0) * loss for name, loss in named.items()), torch.zeros(())
        )
        self.critic.optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        self.critic.optimizer.step()
        self.meter.add({f"loss/{name}": loss for name, loss in named.items()})
        self.meter.add({"train/q": q.mean()})
        return encoded

    def update_actor(self, encoded: Encoded) -> None:
        """Take one step on the actor and, where it is learnt, on the temperature."""
        actions, log_prob = self.actor.action_log_prob(encoded.policy_maps)
        log_prob = log_prob.reshape(-1, 1)
        q = self.critic.values(encoded.policy_features, actions)
        loss = losses.actor_loss(log_prob, q, self.temperature)
        self.actor.optimizer.zero_grad(set_to_none=True)
        # only the actor's gradients: the critic is a fixed function here
        loss.backward(inputs=list(self.actor.parameters()))  # type: ignore[no-untyped-call]
        self.actor.optimizer.step()
        self.meter.add({"loss/actor": loss, "train/entropy": -log_prob.mean()})
        if self.ent_coef_optimizer is not None:
            self._update_temperature(log_prob.detach())

    def update_targets(self) -> None:
        """Move target critics and target encoder towards the online ones."""
        update_average(self.critic.encoder, self.critic_target.encoder, self.encoder_tau)
        for online, target in zip(self.critic.q_networks, self.critic_target.q_networks, strict=True):
            update_average(online, target, self.tau)

    @property
    def temperature(self) -> Tensor:
        """Alpha, one element, without gradient."""
        return self.ent_coef_tensor if self.log_ent_coef is None else self.log_ent_coef.detach().exp()

    def _update_temperature(self, log_prob: Tensor) -> None:
        assert self.ent_coef_optimizer is not None
        assert self.log_ent_coef is not None
        loss = losses.temperature_loss(self.log_ent_coef, log_prob, float(self.target_entropy))
        self.ent_coef_optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.ent_coef_optimizer.step()
        self.meter.add({"loss/temperature": loss, "train/temperature": self.temperature.squeeze()})

    def _checked(self, auxiliary: dict[str, Tensor]) -> dict[str, Tensor]:
        if auxiliary.keys() != self.loss_weights.keys():
            raise ValueError(
                f"losses and loss_weights must have the same names, got losses {sorted(auxiliary)} "
                f"and weights {sorted(self.loss_weights)}"
            )
        return auxiliary

    def _setup_model(self) -> None:
        self.replay_buffer_kwargs = {"gamma": self.gamma, **self.replay_buffer_kwargs}
        if self.replay_buffer_kwargs["gamma"] != self.gamma:
            raise ValueError(
                f"replay_buffer_kwargs['gamma'] must be the algorithm's gamma {self.gamma}, "
                f"got {self.replay_buffer_kwargs['gamma']}"
            )
        if self.reward_scale is None:
            self.reward_scale = self._usual_reward_scale()
        super()._setup_model()
        accelerate(self.policy, self.acceleration)
        self.heads = nn.ModuleDict(self.make_heads()).to(self.device)
        if len(self.heads):
            self.critic.optimizer.add_param_group({"params": list(self.heads.parameters())})
        if self.log_ent_coef is not None:
            self.ent_coef_optimizer = torch.optim.Adam([self.log_ent_coef], lr=self.ent_coef_lr)

    def _usual_reward_scale(self) -> float:
        if self.env is None or not self.env.has_attr("reward_scale"):
            return 1.0
        return float(self.env.get_attr("reward_scale", 0)[0])

    def _setup_learn(self, *args: Any, **kwargs: Any) -> Any:
        if self._vec_normalize_env is not None:
            raise ValueError("env must not be a VecNormalize: images are scaled in the encoder")
        return super()._setup_learn(*args, **kwargs)

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "heads"]

    def _get_torch_save_params(self) -> tuple[list[str], list[str]]:
        state_dicts, variables = super()._get_torch_save_params()
        return [*state_dicts, "heads"], variables
