"""The observation "state": what is known of ego, road and traffic, as numbers instead of a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from semore_gym.backends.base import BENDS_AT, RoadUser, Surroundings, Tick

OTHERS = 6  # road users that are observed
RANGE = (-12.0, 90.0)  # how far behind and ahead of the ego's middle they may be [m]
FOCUS = 8.0  # ahead of the ego's middle: those nearest to here come first [m]
LIMIT = 10.0  # no number is larger


class Number(NamedTuple):
    """One number of the state."""

    name: str
    unit: str
    scale: float  # that the quantity is divided by
    meaning: str


EGO_NUMBERS = (
    Number("speed", "m/s", 10.0, "of the ego"),
    Number("with_lane", "", 1.0, "1 facing along the lane's direction, -1 against it"),
    Number("lane_offset", "m", 2.0, "from the centre of the lane under the ego, positive = left"),
    Number("heading", "deg", 10.0, "from the road's direction, positive = turned left"),
    Number("edge_left", "m", 4.0, "to the left edge of the drivable lanes"),
    Number("edge_right", "m", 4.0, "to the right edge of the drivable lanes"),
    *(
        Number(f"bend_{distance:.0f}", "1/m", 0.01, f"curvature {distance:.0f} m ahead, positive = left")
        for distance in BENDS_AT
    ),
)
OTHER_NUMBERS = (
    Number("present", "", 1.0, "1, or 0 where there is nobody"),
    Number("person", "", 1.0, "1 on foot, else 0"),
    Number("ahead", "m", 20.0, "from the ego's middle along the road; 90 where there is nobody"),
    Number("left", "m", 4.0, "from the ego's middle across the road"),
    Number("speed_ahead", "m/s", 10.0, "relative to the ego, along the road"),
    Number("speed_left", "m/s", 2.0, "over ground, across the road"),
)
STATE_NUMBERS: tuple[Number, ...] = (
    *EGO_NUMBERS,
    *(
        number._replace(name=f"other{i}_{number.name}")
        for i in range(1, OTHERS + 1)
        for number in OTHER_NUMBERS
    ),
)
SCALES = np.array([number.scale for number in STATE_NUMBERS])
NOBODY = (0.0, 0.0, RANGE[1], 0.0, 0.0, 0.0)


def state_space() -> spaces.Box:
    """The space of the observation "state", (46,) float32, see `STATE_NUMBERS`."""
    return spaces.Box(-LIMIT, LIMIT, (len(STATE_NUMBERS),), np.float32)


def encode_state(tick: Tick, surroundings: Surroundings) -> npt.NDArray[np.float32]:
    """Write down the state.

    Observed are people on foot and whoever is on the drivable lanes, the `OTHERS` of them that are nearest
    to a point `FOCUS` ahead; what stands beside the road is not.

    Args:
        tick: What the ego's instruments read.
        surroundings: The road ahead and everybody on it.

    Returns:
        (46,) float32 in [-10, 10]: the quantities of `STATE_NUMBERS`, each divided by its scale and clipped.
    """
    against = abs(tick.heading_error) > 90.0
    turned = math.copysign(180.0, tick.heading_error) if against else 0.0
    direction = -1.0 if against else 1.0
    heading = tick.heading_error - turned
    values = [tick.speed, direction, direction * tick.lane_offset, heading, tick.edge_left, tick.edge_right]
    values += surroundings.bends
    ego_speed = tick.speed * math.cos(math.radians(heading))
    for other in _observed(tick, surroundings.others):
        person = float(other.kind == "walker")
        values += (1.0, person, other.ahead, other.left, other.speed_ahead - ego_speed, other.speed_left)
    values += NOBODY * ((len(STATE_NUMBERS) - len(values)) // len(NOBODY))
    return np.clip(np.array(values) / SCALES, -LIMIT, LIMIT).astype(np.float32)


def _observed(tick: Tick, others: Sequence[RoadUser]) -> list[RoadUser]:
    """Those that count, the nearest to the focus first."""
    near = [
        other
        for other in others
        if RANGE[0] <= other.ahead <= RANGE[1] and (other.kind == "walker" or _on_road(tick, other))
    ]
    return sorted(near, key=lambda other: abs(other.ahead - FOCUS))[:OTHERS]


def _on_road(tick: Tick, other: RoadUser) -> bool:
    """Whether any of its width is on the drivable lanes, as wide as they are at the ego."""
    return -tick.edge_right - other.half_width < other.left < tick.edge_left + other.half_width
