"""Which parts of an observation an agent acts on and learns from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gymnasium import spaces


def acted_on(observation: Any) -> Any:
    """Take the part that acting reads: `frames` of a Dict that has them, the whole of anything else.

    Args:
        observation: An observation, a batch of them, or their space.
    """
    if isinstance(observation, Mapping):  # a space's `in` asks for samples, not for keys
        return observation.get("frames", observation)
    return observation


def learnt_alike(one: spaces.Space[Any], other: spaces.Space[Any]) -> bool:
    """Whether learning reads the same of both spaces: a `residual` is derived from the frames, never read."""
    return bool(_learnt(one) == _learnt(other))


def _learnt(space: spaces.Space[Any]) -> Any:
    if not isinstance(space, spaces.Dict):
        return space
    return {key: part for key, part in space.spaces.items() if key != "residual"}
