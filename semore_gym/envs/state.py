"""The observation "state": what is known of ego, road and traffic, as numbers instead of a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from semore_gym.backends.base import BENDS_AT, RoadUser, Surroundings, Tick

OTHERS = 2  # road users that are observed one by one: with more, it takes longer to learn who matters
RANGE = (-12.0, 90.0)  # how far behind and ahead of the ego's middle they may be [m]
FARTHEST = 150.0  # that a gap counts as [m]
LONGEST = 10.0  # that a time to collision counts as [s]
FORESIGHT = 5.0  # how far into the future others are followed [s]
PASSING = 0.3  # that it takes to get past somebody [s]
ROOM = 0.3  # sideways, that counts as a meeting [m]
STANDSTILL = 0.1  # nothing comes closer more slowly than this [m/s]
LIMIT = 10.0  # no number is larger


class Number(NamedTuple):
    """One number of the state: the quantity x as x / scale, or sign(x) log(1 + |x|) / scale."""

    name: str
    unit: str
    scale: float
    meaning: str
    log: bool = False


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
    Number("gap", "m", 2.0, "bumper to bumper to what is ahead in the ego's path, at most 150", log=True),
    Number("time_to_collision", "s", 2.0, "with it, at most 10"),
    Number("meeting", "s", 2.0, "until the ego meets somebody if all move as they do now, at most 5"),
    Number("meeting_gap", "m", 2.0, "bumper to bumper to them now, 150 if nobody", log=True),
)
OTHER_NUMBERS = (
    Number("present", "", 1.0, "1, or 0 where there is nobody"),
    Number("person", "", 1.0, "1 on foot, else 0"),
    Number("gap", "m", 2.0, "between the two along the road, negative = behind, 0 beside the ego", log=True),
    Number("left", "m", 2.0, "from the ego's middle to theirs, across the road"),
    Number("speed_ahead", "m/s", 10.0, "along the road, relative to the ego"),
    Number("speed_left", "m/s", 2.0, "across the road"),
    Number("arrival", "s", 2.0, "until the ego is level with them as both move now, at most 5"),
    Number("left_then", "m", 2.0, "`left` at that time, as they move now"),
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
LOGS = np.array([number.log for number in STATE_NUMBERS])
NOBODY = (0.0, 0.0, RANGE[1], 0.0, 0.0, 0.0, FORESIGHT, LIMIT)


def state_space() -> spaces.Box:
    """The space of the observation "state", (30,) float32, see `STATE_NUMBERS`."""
    return spaces.Box(-LIMIT, LIMIT, (len(STATE_NUMBERS),), np.float32)


def encode_state(tick: Tick, surroundings: Surroundings) -> npt.NDArray[np.float32]:
    """Write down the state.

    Observed are people on foot and whoever is on the drivable lanes, the `OTHERS` nearest ones, where those
    behind count as twice as far; what stands beside the road is not.

    Args:
        tick: What the ego's instruments read.
        surroundings: The road ahead and everybody on it.

    Returns:
        (30,) float32: the quantities of `STATE_NUMBERS`, scaled as said there and clipped to [-10, 10].
    """
    against = abs(tick.heading_error) > 90.0
    turned = math.copysign(180.0, tick.heading_error) if against else 0.0
    direction = -1.0 if against else 1.0
    heading = tick.heading_error - turned
    values = [tick.speed, direction, direction * tick.lane_offset, heading, tick.edge_left, tick.edge_right]
    values += surroundings.bends
    values += (min(tick.gap, FARTHEST), min(tick.time_to_collision, LONGEST))
    ego_speed = tick.speed * math.cos(math.radians(heading))
    near = _near(tick, surroundings.others)
    values += _first_meeting(near, ego_speed, surroundings)
    for other in near[:OTHERS]:
        values += _describe(other, ego_speed, surroundings.half_length)
    values += NOBODY * ((len(STATE_NUMBERS) - len(values)) // len(NOBODY))
    numbers = np.array(values)
    numbers = np.where(LOGS, np.copysign(np.log1p(np.abs(numbers)), numbers), numbers) / SCALES
    return np.asarray(np.clip(numbers, -LIMIT, LIMIT), np.float32)


def _describe(other: RoadUser, ego_speed: float, ego_half_length: float) -> tuple[float, ...]:
    """The quantities of `OTHER_NUMBERS`."""
    speed = other.speed_ahead - ego_speed
    clear, arrival = _reach(other, ego_speed, ego_half_length)
    if other.ahead < 0.0 < clear:
        clear, arrival = -clear, FORESIGHT
    left_then = other.left + other.speed_left * arrival
    person = float(other.kind == "walker")
    return 1.0, person, clear, other.left, speed, other.speed_left, arrival, left_then


def _reach(other: RoadUser, ego_speed: float, ego_half_length: float) -> tuple[float, float]:
    """Bumper to bumper along the road [m], and the time until the ego has come so far [s]."""
    clear = max(abs(other.ahead) - other.half_length - ego_half_length, 0.0)
    return clear, min(clear / max(ego_speed - other.speed_ahead, STANDSTILL), FORESIGHT)


def _first_meeting(
    others: Sequence[RoadUser], ego_speed: float, surroundings: Surroundings
) -> tuple[float, float]:
    """When the ego meets the first one ahead who will be in its way by then, and the gap to them now."""
    first = (FORESIGHT, FARTHEST)
    for other in others:
        clear, arrival = _reach(other, ego_speed, surroundings.half_length)
        reach = other.half_width + surroundings.half_width + ROOM
        then = other.left + other.speed_left * arrival
        after = then + other.speed_left * PASSING
        if other.ahead > 0.0 and min(then, after) < reach and max(then, after) > -reach:
            first = min(first, (arrival, clear)) if arrival < FORESIGHT else first
    return first


def _near(tick: Tick, others: Sequence[RoadUser]) -> list[RoadUser]:
    """Those that count, the nearest first."""
    near = [
        other
        for other in others
        if RANGE[0] <= other.ahead <= RANGE[1] and (other.kind == "walker" or _on_road(tick, other))
    ]
    return sorted(near, key=lambda other: max(other.ahead, -2.0 * other.ahead))


def _on_road(tick: Tick, other: RoadUser) -> bool:
    """Whether any of its width is on the drivable lanes, as wide as they are at the ego."""
    return -tick.edge_right - other.half_width < other.left < tick.edge_left + other.half_width
