"""What a frame replay buffer gives back: batches of frames, or whole observations."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch as th
from stable_baselines3.common.type_aliases import DictReplayBufferSamples, ReplayBufferSamples

from semore_gym.policies.replay.layout import StackLayout
from semore_gym.policies.replay.ring import Indices, NStepReturns, TransitionRing
from semore_gym.policies.replay.rows import Slots
from semore_gym.policies.replay.storage import FrameStore


class FrameBatch(NamedTuple):
    """Transitions as VisualSAC learns from them; B of them, on the buffer's device.

    Attributes:
        frames: (B, 3k, H, W) uint8, o_{t-k+1} to o_t, oldest first.
        next_frames: (B, 3k, H, W) uint8, n steps later: what the critic bootstraps from.
        masks: (B, 1, H, W) uint8 of o_t; all zero = no mask.
        actions: (B, A).
        rewards: (B, 1) float32, the n-step return.
        dones: (B, 1) float32, 1 = terminated within the n steps; a time-out is not.
        discounts: (B, 1) float32, gamma to the power of the steps really taken.
        step_rewards: (B, 1) float32, the reward of the first step, for auxiliary losses.
        step_next_frames: (B, 3k, H, W) uint8, one step later; not read where `one_step`.
        ids: (B,) int64, the id of the stored frame o_t, for `FrameReplayBuffer.set_masks`.
        one_step: Whether every return has one step, so that `next_frames` are one step later themselves.
    """

    frames: th.Tensor
    next_frames: th.Tensor
    masks: th.Tensor
    actions: th.Tensor
    rewards: th.Tensor
    dones: th.Tensor
    discounts: th.Tensor
    step_rewards: th.Tensor
    step_next_frames: th.Tensor
    ids: th.Tensor
    one_step: bool


def frame_differences(frames: th.Tensor) -> th.Tensor:
    """Subtract each frame from the next one, exactly.

    Args:
        frames: (B, 3m, H, W) uint8, oldest first.

    Returns:
        (B, 3(m-1), H, W) int16 in [-255, 255].
    """
    newer, older = frames[:, 3:], frames[:, :-3]
    if frames.device.type == "cpu":  # numpy needs no copy of `newer` as int16 first
        return th.from_numpy(np.subtract(newer.numpy(), older.numpy(), dtype=np.int16))
    return newer.to(th.int16).sub_(older)


def frame_batch(
    ring: TransitionRing, store: FrameStore, indices: Indices, returns: NStepReturns, device: th.device
) -> FrameBatch:
    """Build a batch of frames.

    Args:
        ring: The transitions.
        store: Their frames.
        indices: (B,) flat indices of the transitions to take.
        returns: Their n-step returns.
        device: Where the batch goes.
    """
    slots, newest = ring.slots[indices, 0], ring.slots[indices, 0, -1]
    window, channels = _window(store, slots, ring.slots[indices, 1], device), 3 * slots.shape[1]
    step_next_frames = window[:, -channels:]
    one_step = np.array_equal(returns.last, indices)
    next_frames = step_next_frames if one_step else store.frames(ring.slots[returns.last, 1]).to(device)
    return FrameBatch(
        window[:, :channels],
        next_frames,
        store.masks(newest).to(device),
        th.as_tensor(ring.actions[indices], device=device),
        th.as_tensor(returns.rewards, device=device),
        th.as_tensor(returns.terminated, device=device),
        th.as_tensor(returns.discounts, device=device),
        th.as_tensor(ring.rewards[indices, None], device=device),
        step_next_frames,
        th.as_tensor(store.ids[newest], device=device),
        one_step,
    )


def whole_samples(
    layout: StackLayout,
    ring: TransitionRing,
    store: FrameStore,
    indices: Indices,
    returns: NStepReturns,
    device: th.device,
) -> ReplayBufferSamples | DictReplayBufferSamples:
    """Build Stable-Baselines3's samples, of whole observations in the form that `layout` says.

    The further arguments are those of `frame_batch`.
    """
    slots, next_slots = ring.slots[indices, 0], ring.slots[returns.last, 1]
    window = _window(store, slots, next_slots, device)
    parts, channels = {"frames": window}, {"frames": 3 * layout.history}
    if layout.has_residual:  # of the whole window: most differences are in both observations
        parts["residual"], channels["residual"] = frame_differences(window), 3 * layout.history - 3
    obs = {key: part[:, : channels[key]] for key, part in parts.items()}
    next_obs = {key: part[:, part.shape[1] - channels[key] :] for key, part in parts.items()}
    if layout.has_mask:
        obs["mask"] = store.masks(slots[:, -1]).to(device)
        next_obs["mask"] = store.masks(next_slots[:, -1]).to(device)
    numbers = (ring.actions[indices], returns.terminated, returns.rewards, returns.discounts)
    actions, terminated, rewards, discounts = (th.as_tensor(array, device=device) for array in numbers)
    if layout.keys is None:
        return ReplayBufferSamples(obs["frames"], actions, next_obs["frames"], terminated, rewards, discounts)
    return DictReplayBufferSamples(obs, actions, next_obs, terminated, rewards, discounts)


def _window(store: FrameStore, slots: Slots, next_slots: Slots, device: th.device) -> th.Tensor:
    """One tensor that begins with the stacks in the (B, k) `slots` and ends with those in `next_slots`.

    (B, 3m, H, W): m = k + 1 where each second stack is the first moved by one frame, else 2k.
    """
    shifted = np.array_equal(slots[:, 1:], next_slots[:, :-1])
    added = next_slots[:, -1:] if shifted else next_slots
    return store.frames(np.concatenate([slots, added], axis=1)).to(device)
