"""What makes masks of frames."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import gymnasium as gym
import numpy as np
import numpy.typing as npt

from semore_gym.registry import Registry

Images = npt.NDArray[np.uint8]


@runtime_checkable
class MaskProvider(Protocol):
    """Makes the knowledge-aware masks of one environment's frames.

    `SemanticMask` works on a shallow copy of the provider: what the constructor builds is shared between
    environments, what `reset` sets is each environment's own. Do not change in place what the constructor
    made. A provider that costs nothing may have an attribute `every = 1`, the steps from mask to mask
    where the user names none. One that counts what it does has a method `counts() -> dict[str, float]`, for
    the log, of which `failed` and `unusable` are the frames whose mask was lost to a fault; one whose masks
    depend on the frame alone has `identity`, a string of all that decides them, for `CachedMasks`.
    """

    def reset(self, env: gym.Env[Any, Any], rng: np.random.Generator) -> None:
        """Get ready for an episode that has just begun in `env`.

        Args:
            env: The environment that the next frames come from.
            rng: The only source of randomness until the next reset.
        """

    def __call__(self, frames: Images) -> Images:
        """Make one mask of each frame.

        Args:
            frames: (N, 3, H, W) uint8; not to be changed or kept.

        Returns:
            (N, 1, H, W) uint8, 0 = nothing relevant, 255 = certain; arrays of the caller's own.
        """


def counts_of(provider: MaskProvider) -> dict[str, float]:
    """What a provider counted so far; `{}` of one that counts nothing."""
    return provider.counts() if hasattr(provider, "counts") else {}


def faults(provider: MaskProvider) -> float:
    """How many masks a provider lost to faults so far, which its zero masks do not tell from empty scenes."""
    counts = counts_of(provider)
    return counts.get("failed", 0) + counts.get("unusable", 0)


MASKS: Registry[MaskProvider] = Registry(
    "masks",
    {
        "learned": "semore_gym.masks.learned:LearnedMasks",
        "none": "semore_gym.masks.none:NoMasks",
        "oracle": "semore_gym.masks.oracle:OracleMasks",
    },
)
