"""What observation spaces a frame replay buffer knows, and how observations split into frames and masks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from semore_gym.policies.replay.rows import Slots

Array = npt.NDArray[Any]
Observation = Array | Mapping[str, Array]
KEYS = ("frames", "residual", "mask")


class Stack(NamedTuple):
    """What is stored of an observation: frames (3k, H, W) and, where there is one, a mask (1, H, W)."""

    frames: Array
    mask: Array | None

    def equals(self, other: Stack) -> bool:
        """Whether both hold the same."""
        same = np.array_equal(self.frames, other.frames)
        return same and (self.mask is None or other.mask is None or np.array_equal(self.mask, other.mask))

    def copy(self) -> Stack:
        """The same, sharing nothing."""
        return Stack(self.frames.copy(), None if self.mask is None else self.mask.copy())

    def newest(self) -> Stack:
        """The last frame alone, with the mask, which is its own."""
        return Stack(self.frames[-3:], self.mask)


class Tail(NamedTuple):
    """The observation that an environment's next transition should start from, and its slots (k,)."""

    stack: Stack
    slots: Slots


@dataclass(frozen=True)
class StackLayout:
    """How an observation is laid out: plain stacked frames, or a Dict of frames, residual and mask.

    Attributes:
        keys: The keys of a Dict observation, in the space's order; None for plain stacked frames.
        history: Frames in a stack (k).
        size: Height and width, pixels.
    """

    keys: tuple[str, ...] | None
    history: int
    size: tuple[int, int]

    @classmethod
    def of(cls, space: spaces.Space[Any]) -> StackLayout:
        """Read the layout off an observation space.

        Args:
            space: Box (3k, H, W) uint8, or a Dict of `frames` (the same) and optionally `residual`
                (3(k-1), H, W) int16 and `mask` (1, H, W) uint8.

        Raises:
            ValueError: If it is neither.
        """
        if not isinstance(space, spaces.Dict):
            history, size = _stack(space, "observation_space")
            return cls(None, history, size)
        unknown = sorted(set(space.spaces) - set(KEYS))
        if unknown or "frames" not in space.spaces:
            raise ValueError(
                f"observation_space must be a Dict of 'frames' and optionally 'residual' and 'mask', got the "
                f"keys {sorted(space.spaces)}"
            )
        history, size = _stack(space["frames"], "observation_space['frames']")
        expected = {"residual": ((3 * (history - 1), *size), "int16"), "mask": ((1, *size), "uint8")}
        for key, (shape, dtype) in expected.items():
            if key in space.spaces and (space[key].shape != shape or str(space[key].dtype) != dtype):
                raise ValueError(
                    f"observation_space[{key!r}] must have shape {shape} and dtype {dtype} beside "
                    f"frames of shape {space['frames'].shape}, got {space[key]}"
                )
        return cls(tuple(space.spaces), history, size)

    @property
    def has_mask(self) -> bool:
        """Whether observations carry a mask."""
        return self.keys is not None and "mask" in self.keys

    @property
    def has_residual(self) -> bool:
        """Whether observations carry a residual."""
        return self.keys is not None and "residual" in self.keys

    def split(self, obs: Observation) -> list[Stack]:
        """Take the parts that are stored out of the observations of several environments.

        Args:
            obs: The observations, with the environments on the first axis.

        Raises:
            ValueError: If a residual is not the difference of its frames: it is not stored but derived.
        """
        if not isinstance(obs, Mapping):
            return [Stack(frames, None) for frames in obs]
        frames = obs["frames"]
        if self.has_residual:
            derived = frames[:, 3:].astype(np.int16) - frames[:, :-3]
            if not np.array_equal(derived, obs["residual"]):
                raise ValueError(
                    "obs['residual'] must be the difference of adjacent frames, newer less older, since the "
                    "buffer derives it from obs['frames']; it is not"
                )
        masks = obs["mask"] if self.has_mask else [None] * len(frames)
        return [Stack(*parts) for parts in zip(frames, masks, strict=True)]


def _stack(space: spaces.Space[Any], name: str) -> tuple[int, tuple[int, int]]:
    shape = space.shape or ()
    channels_last = len(shape) == 3 and shape[2] == 3 and shape[0] > 3
    if not isinstance(space, spaces.Box) or len(shape) != 3 or shape[0] % 3 or channels_last:
        raise ValueError(f"{name} must be a Box of stacked RGB frames, (3k, H, W) uint8, got {space}")
    if space.dtype != np.uint8:
        raise ValueError(f"{name} must have dtype uint8 (not normalised), got {space}")
    return shape[0] // 3, (shape[1], shape[2])
