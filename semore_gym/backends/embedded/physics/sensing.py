"""What the ego's instruments read: its place in the lane, lane marks, what is ahead."""

from __future__ import annotations

import bisect
import math
from typing import Literal

import numpy as np

from semore_gym.backends.base import BENDS_AT, RoadUser, Surroundings, Tick
from semore_gym.backends.embedded.blueprints import Body
from semore_gym.backends.embedded.physics.vehicle import TRACK, WHEELBASE
from semore_gym.backends.embedded.physics.world import World
from semore_gym.backends.embedded.roads import Lane, Road


class Instruments:
    """Reads one world after each of its ticks.

    Args:
        world: The world; its ego starts on the carriageway that counts as drivable.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._lanes = carriageway(world.road, float(world.users.t[-1]))
        self._right = self._lanes[0].right
        self._left = self._lanes[-1].left
        self._marks = sorted({edge for lane in self._lanes for edge in (lane.right, lane.left)})
        self._wheels = self._between_marks()

    def read(self) -> Tick:
        """The ego's state after the world's last tick."""
        world = self._world
        u, ego = world.users, world.ego
        t, gap, closing = float(u.t[-1]), float(u.gap[-1]), float(u.closing[-1])
        lane = self._lane_under(t)
        direction = world.road.direction(lane.id)
        error = float(u.turn[-1]) if direction > 0 else math.remainder(float(u.turn[-1]) - math.pi, math.tau)
        return Tick(
            frame=world.frame,
            speed=ego.speed,
            lane_speed=direction * float(u.along[-1]),
            yaw=math.degrees(ego.yaw),
            lane_offset=direction * (t - lane.center),
            heading_error=(math.degrees(error) + 180.0) % 360.0 - 180.0,
            lane_invasions=self._count_invasions(),
            impulse=world.impulse,
            contact=world.contact,
            person_hit_speed=world.person_hit_speed,
            off_road=not self._right <= t < self._left,
            edge_left=self._left - t,
            edge_right=t - self._right,
            gap=max(gap, 0.0),
            time_to_collision=max(gap, 0.0) / closing if closing > 1e-3 and gap < math.inf else math.inf,
        )

    def look_around(self) -> Surroundings:
        """The road ahead and everybody on it."""
        road, u = self._world.road, self._world.users
        s, t = float(u.s[-1]), float(u.t[-1])
        forward = 1.0 if math.cos(float(u.turn[-1])) >= 0.0 else -1.0
        places = s + forward * np.array(BENDS_AT)
        columns = (
            forward * float(u.stretch[-1]) * (u.s[:-1] - s),
            forward * (u.t[:-1] - t),
            forward * u.along[:-1],
            forward * u.across[:-1],
            u.half_length[:-1],
            u.half_width[:-1],
        )
        rows = zip(u.bodies[:-1], *(column.tolist() for column in columns), strict=True)
        return Surroundings(
            half_length=float(u.half_length[-1]),
            half_width=float(u.half_width[-1]),
            bends=tuple((forward * road.curvatures(places)).tolist()),
            others=tuple(RoadUser(_kind(body), *numbers) for body, *numbers in rows),
        )

    def _lane_under(self, t: float) -> Lane:
        """The drivable lane under offset `t` [m], or the nearest one."""
        return min(self._lanes, key=lambda lane: max(lane.right - t, t - lane.left))

    def _between_marks(self) -> list[int]:
        """For each wheel, how many lane marks lie to its right."""
        u = self._world.users
        t, turn = float(u.t[-1]), float(u.turn[-1])
        ahead, aside = WHEELBASE / 2 * math.sin(turn), TRACK / 2 * math.cos(turn)
        wheels = (t + ahead + aside, t + ahead - aside, t - ahead + aside, t - ahead - aside)
        return [bisect.bisect(self._marks, wheel) for wheel in wheels]

    def _count_invasions(self) -> int:
        """Marks that a wheel has come onto since the last tick."""
        before, self._wheels = self._wheels, self._between_marks()
        if before == self._wheels:
            return 0
        crossed = {
            mark
            for old, new in zip(before, self._wheels, strict=True)
            for mark in range(min(old, new), max(old, new))
        }
        return len(crossed)


def _kind(body: Body) -> Literal["walker", "bicycle", "vehicle"]:
    return body.kind if body.kind in ("walker", "bicycle") else "vehicle"


def carriageway(road: Road, t: float) -> list[Lane]:
    """The driving lanes, from the right, that join up with the one at offset `t` [m].

    Raises:
        ValueError: If there is no driving lane at `t`.
    """
    lanes = sorted((lane for lane in road.lanes.values() if lane.kind == "driving"), key=lambda x: x.right)
    start = next((i for i, lane in enumerate(lanes) if lane.right <= t < lane.left), None)
    if start is None:
        raise ValueError(f"the ego must start on a driving lane of {road.name!r}, got offset {t} m")
    first = last = start
    while first > 0 and lanes[first - 1].left == lanes[first].right:
        first -= 1
    while last + 1 < len(lanes) and lanes[last + 1].right == lanes[last].left:
        last += 1
    return lanes[first : last + 1]
