"""Spaces as JSON."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces


def space_to_json(space: spaces.Space[Any]) -> dict[str, Any]:
    """Describe a Box, or a Dict of such, by what JSON has.

    Args:
        space: The space; a bound that is the same everywhere becomes one number.

    Raises:
        ValueError: If it is another kind of space.
    """
    if isinstance(space, spaces.Dict):
        return {"type": "Dict", "spaces": {name: space_to_json(item) for name, item in space.items()}}
    if not isinstance(space, spaces.Box):
        raise ValueError(f"space must be a Box or a Dict of such, got {space}")
    low, high = (_shortest(bound) for bound in (space.low, space.high))
    return {"type": "Box", "low": low, "high": high, "shape": list(space.shape), "dtype": str(space.dtype)}


def space_from_json(values: Any) -> spaces.Space[Any]:
    """Make the space that `space_to_json` described.

    Raises:
        ValueError: If the description is of another form.
    """
    try:
        if values["type"] == "Dict":
            return spaces.Dict({name: space_from_json(item) for name, item in values["spaces"].items()})
        if values["type"] == "Box":
            low, high = (np.array(values[bound], values["dtype"]) for bound in ("low", "high"))
            shape = tuple(values["shape"])
            return spaces.Box(
                np.broadcast_to(low, shape), np.broadcast_to(high, shape), shape, low.dtype.type
            )
    except (KeyError, TypeError, AttributeError, OverflowError, AssertionError) as error:
        raise ValueError(f"no space: {str(values)[:200]} ({error!r})") from error
    raise ValueError(f"type of a space must be Box or Dict, got {values['type']!r}")


def _shortest(bound: np.ndarray[Any, Any]) -> Any:
    same = bool(np.all(bound == bound.flat[0]))
    return bound.flat[0].item() if same else bound.tolist()
