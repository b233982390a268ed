"""What a wrapper that works on stacked frames may stand on."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces


def frames_space(wrapper: str, space: spaces.Space[Any]) -> spaces.Box:
    """The space of the stacked frames within an observation space.

    Args:
        wrapper: Name of the wrapper that asks, for the message.
        space: (3k, H, W) uint8, or a Dict with that under "frames".

    Raises:
        TypeError: If there are no stacked frames.
    """
    found = space.get("frames") if isinstance(space, spaces.Dict) else space
    # A last axis of 3 is one frame, channels last, whatever its height.
    if (
        isinstance(found, spaces.Box)
        and found.dtype == np.uint8
        and len(found.shape) == 3
        and found.shape[0] % 3 == 0
        and found.shape[2] != 3
    ):
        return found
    raise TypeError(
        f"{wrapper} needs stacked frames, Box(0, 255, (3k, H, W), uint8): put FrameHistory under it; "
        f"this environment's observation space is {space}"
    )
