"""A replay buffer that stores every frame once and builds whole observations when it is sampled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any

import numpy as np
import numpy.typing as npt
import torch as th
from gymnasium import spaces
from stable_baselines3.common.type_aliases import DictReplayBufferSamples, ReplayBufferSamples
from stable_baselines3.common.vec_env import VecNormalize

from semore_gym.policies.replay.archive import Archive
from semore_gym.policies.replay.layout import Observation, Stack, StackLayout, Tail
from semore_gym.policies.replay.ring import Indices, TransitionRing
from semore_gym.policies.replay.rows import Slots
from semore_gym.policies.replay.samples import FrameBatch, frame_batch, whole_samples
from semore_gym.policies.replay.storage import FrameStore
from semore_gym.policies.replay.transitions import TransitionBuffer
from semore_gym.utils.devices import check_device

Array = npt.NDArray[Any]
Info = Mapping[str, Any]

CHUNKS = 64  # the frame store grows by 1/64 of the buffer, so that at most that much lies idle


class FrameReplayBuffer(TransitionBuffer):
    """Replay buffer for stacked frames that stores each frame and each mask once.

    It takes the place of SB3's `ReplayBuffer` and `DictReplayBuffer` (through `replay_buffer_class`) and
    gives back exactly the observations that it was given. An episode of T steps takes T + 1 frames;
    residuals are derived. An observation that is not the one the last transition ended in starts a new
    episode, whether or not a `done` came before it (`learn()` called again, another environment, a loaded
    buffer).

    A transition whose info has `end_reason` "simulator_error" is stored but never drawn, and no n-step return
    runs into it.

    Args:
        buffer_size: Transitions to keep, over all environments.
        observation_space: Box (3k, H, W) uint8, or a Dict of such `frames` and optionally `residual`
            (3(k-1), H, W) int16 and `mask` (1, H, W) uint8.
        action_space: The action space.
        device: Where samples go.
        n_envs: Environments stepped together.
        optimize_memory_usage: Must be False: SB3's trick of dropping next observations is not needed here.
        mask_bits: 8 keeps masks as they are; 1 keeps whether a pixel is at least 128 and gives 255 or 0.
        n_steps: Steps of the return; returns stop at the end of an episode.
        gamma: Discount of n-step returns, in (0, 1]. Give the algorithm's own.
        storage_device: Where frames and masks lie; the same as `device` saves a copy per batch.

    Raises:
        ValueError: If an argument is out of its range or the space is of another kind.

    Example:
        >>> from gymnasium.spaces import Box
        >>> images, actions = Box(0, 255, (9, 16, 16), np.uint8), Box(-1, 1, (2,))
        >>> FrameReplayBuffer(1000, images, actions).sampleable
        0
    """

    def __init__(
        self,
        buffer_size: int,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        device: th.device | str = "auto",
        n_envs: int = 1,
        optimize_memory_usage: bool = False,
        *,
        mask_bits: int = 8,
        n_steps: int = 1,
        gamma: float = 0.99,
        storage_device: th.device | str = "cpu",
    ) -> None:
        if mask_bits not in (1, 8):
            raise ValueError(f"mask_bits must be 1 or 8, got {mask_bits!r}")
        self.layout = StackLayout.of(observation_space)
        super().__init__(
            buffer_size,
            observation_space,
            action_space,
            device,
            n_envs,
            optimize_memory_usage,
            n_steps=n_steps,
            gamma=gamma,
        )
        self.mask_bits = mask_bits if self.layout.has_mask else 0
        check_device(storage_device, "storage_device")
        self.storage_device = th.device(storage_device)
        self._clear()

    def reset(self) -> None:
        """Forget everything."""
        super().reset()
        self._clear()

    def _clear(self) -> None:
        dtype = self._maybe_cast_dtype(self.action_space.dtype)
        history = self.layout.history
        self.ring = TransitionRing(self.buffer_size, self.n_envs, history, self.action_dim, dtype)
        chunk = -(-self.ring.capacity // CHUNKS)
        self.store = FrameStore(self.layout.size, self.mask_bits, chunk, self.storage_device)
        self.tails: list[Tail | None] = [None] * self.n_envs  # where each environment is
        self.starts = np.zeros(self.n_envs, np.bool_)  # whether the newest transitions started episodes
        self.archive = Archive()

    @property
    def nbytes(self) -> int:
        """Bytes allocated for everything that is stored."""
        return self.store.nbytes + self.ring.nbytes

    def counts(self) -> dict[str, float]:
        """Numbers for the log: `sampleable`, and `mask_coverage`, the fraction of frames with a mask."""
        masked = self.store.masked[self.store.live()]
        return {**super().counts(), "mask_coverage": float(masked.mean()) if len(masked) else 0.0}

    def add(
        self,
        obs: Observation,
        next_obs: Observation,
        action: Array,
        reward: Array,
        done: Array,
        infos: Sequence[Info],
    ) -> None:
        """Add one transition of every environment, as SB3's algorithms do.

        Args:
            obs: Observations o_t, n_envs of them.
            next_obs: Observations after the step; the terminal ones where an episode ended.
            action: (n_envs, A).
            reward: (n_envs,).
            done: (n_envs,), whether the episode ended, for whatever reason.
            infos: One per environment; `TimeLimit.truncated` marks an end that is no termination.

        Raises:
            ValueError: If a residual does not belong to its frames.
        """
        stacks, next_stacks = self.layout.split(obs), self.layout.split(next_obs)
        ring, row = self.ring, self.ring.next_row()
        slots = np.stack(
            [self._store(*each) for each in zip(range(self.n_envs), stacks, next_stacks, strict=True)]
        )
        self.store.hold(slots)
        if ring.full:
            self.store.release(ring.slots[row])
        ring.slots[row] = slots
        ring.put(action, reward, done, infos, self.starts)
        self.pos, self.full = ring.row, ring.full
        for env in np.flatnonzero(done):
            self.tails[env] = None

    def _store(self, env: int, stack: Stack, next_stack: Stack) -> Slots:
        """Store what a transition brings; give the slots of both its stacks, (2, k)."""
        tail = self.tails[env]
        self.starts[env] = tail is None or not tail.stack.equals(stack)
        slots = self.store.put_stack(*stack) if tail is None or self.starts[env] else tail.slots
        if np.array_equal(stack.frames[3:], next_stack.frames[:-3]):
            next_slots = np.append(slots[1:], self.store.put_stack(*next_stack.newest()))
        else:
            next_slots = self.store.put_stack(*next_stack)
        self.tails[env] = Tail(next_stack.copy(), next_slots)
        return np.stack([slots, next_slots])

    def set_masks(self, ids: Array | th.Tensor, masks: Array | th.Tensor) -> int:
        """Give stored frames their masks later.

        Args:
            ids: (N,) ids of frames, as `FrameBatch.ids` has them. Frames that were overwritten meanwhile are
                passed over.
            masks: (N, 1, H, W) uint8.

        Returns:
            How many frames took their mask.

        Raises:
            ValueError: If the observation space has no mask, or the shapes or the dtype are wrong.
        """
        if not self.mask_bits:
            raise ValueError("set_masks needs an observation space with a 'mask', e.g. of SemanticMask")
        ids, masks = th.as_tensor(ids).cpu().numpy(), th.as_tensor(masks).cpu().numpy()
        expected = (*ids.shape, 1, *self.layout.size)
        if ids.ndim != 1 or masks.shape != expected or masks.dtype != np.uint8:
            raise ValueError(
                f"masks must be {expected} uint8 for {len(ids)} ids, got {masks.shape} {masks.dtype}"
            )
        taken = 0
        for id_, mask in zip(ids.tolist(), masks, strict=True):
            slot = self.store.find(id_)
            if slot is not None:
                self.store.put_mask(slot, mask)
                self.archive.remasked.add(id_)
                taken += 1
        return taken

    def sample(  # type: ignore[override]
        self, batch_size: int, env: VecNormalize | None = None
    ) -> ReplayBufferSamples | DictReplayBufferSamples:
        """Draw transitions with replacement, with whole observations, for SB3's own algorithms.

        Args:
            batch_size: Transitions to draw (B).
            env: The VecNormalize around the environments, if there is one; it may normalise rewards.

        Returns:
            The samples. Observations and next observations may share memory: do not write into them.
            `discounts` is gamma to the power of the steps taken, and None when n_steps is 1, so that the
            algorithm's own gamma applies.

        Raises:
            RuntimeError: If no transition can be drawn.
            ValueError: If `env` normalises observations.
        """
        return self._get_samples(self.ring.draw(batch_size), env)

    def sample_frames(self, batch_size: int) -> FrameBatch:
        """Draw transitions with replacement, as frames, for VisualSAC.

        Args:
            batch_size: Transitions to draw (B).

        Returns:
            The batch. `frames` and `next_frames` may share memory: do not write into them.

        Raises:
            RuntimeError: If no transition can be drawn.
        """
        indices = self.ring.draw(batch_size)
        returns = self.ring.n_step_returns(indices, self.n_steps, self.gamma)
        return frame_batch(self.ring, self.store, indices, returns, self.device)

    def _get_samples(  # type: ignore[override]
        self, batch_inds: Indices, env: VecNormalize | None = None
    ) -> ReplayBufferSamples | DictReplayBufferSamples:
        if env is not None and env.norm_obs:
            raise ValueError("env must not normalise image observations: give VecNormalize norm_obs=False")
        returns = self.ring.n_step_returns(
            batch_inds, self.n_steps, self.gamma, lambda rewards: self._normalize_reward(rewards, env)
        )
        samples = whole_samples(self.layout, self.ring, self.store, batch_inds, returns, self.device)
        return samples if self.n_steps > 1 else samples._replace(discounts=None)

    def extra_state(self) -> dict[str, Any]:
        """What a subclass keeps besides transitions and frames, as JSON has it."""
        return {}

    def restore_extra_state(self, state: Mapping[str, Any]) -> None:
        """Take back what `extra_state` gave."""

    def save(self, folder: str | PathLike[str], manifest: str = "manifest.json") -> None:
        """Write the buffer into a folder, as arrays; see `Archive.save`."""
        self.archive.save(self, folder, manifest)

    def load(self, folder: str | PathLike[str], manifest: str = "manifest.json") -> None:
        """Become the buffer that was saved in a folder; see `Archive.load`."""
        self.archive = Archive.load(self, folder, manifest)
