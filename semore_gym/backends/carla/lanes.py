"""Where a scenario's lanes and metres are on a CARLA map.

CARLA's frame is left-handed (y to the right of x, yaw clockwise); scenarios, and what an environment reports,
count lateral offsets and angles to the left.
"""

from __future__ import annotations

from typing import NamedTuple

import carla

from semore_gym.backends.carla.client import SetupError
from semore_gym.backends.carla.route import STEP, Route, lanes_beside
from semore_gym.scenarios.base import Episode

REACH = range(0, 31, 5)  # how far from where the ego should be its road is looked for [m]
NEAR = 3.5  # from the ego, where a lane of a junction may be the one that it drives in [m]
LIKEWISE = 0.5  # cosine of the angle between ways that are the same
JUNCTION_ROOM = 2.0  # beyond the edge of a lane in a junction, where the ground is paved [m]


class LanePath:
    """The road through an episode as the scenario counts it, which goes on where others begin.

    What is followed is the lane next to the middle in the ego's direction, which no exit takes away; the
    others are beside it. Where the ego takes another way, the path begins anew from it.

    Args:
        map: The map.
        episode: Its location and the ego's position begin the path.

    Raises:
        SetupError: If the map lacks that position.
    """

    def __init__(self, map: carla.Map, episode: Episode) -> None:
        self._map = map
        self._road = episode.location.carla_road
        self._lane, self._start = episode.ego.lane, episode.ego.s
        self._sign = 1 if self._lane < 0 else -1  # of s on the way
        self._offsets = {self._lane: 0.0}
        self._kinds: dict[int, carla.LaneType] = {}
        self._origin = self._waypoint(self._lane)
        self._innermost = self._begin(self._origin, self._start).lane_id

    def pose(
        self, lane: int, s: float, offset: float = 0.0, height: float = 0.0, junctions: bool = True
    ) -> carla.Transform | None:
        """The pose of something on the road.

        Args:
            lane: Its lane, whose direction is the heading.
            s: Along the road, which counts on past its end [m].
            offset: From the lane's centre, positive = left of the reference line's direction [m].
            height: Above the road [m].
            junctions: Whether it may be in one.

        Returns:
            None where the road has no such lane.

        Raises:
            SetupError: If the road has no such lane where the ego starts either.
        """
        there = self._place(lane, s)
        if there is None or (there.is_junction and not junctions):
            return None
        pose = there.transform
        pose.location -= pose.get_right_vector() * (offset if lane < 0 else -offset)
        pose.location.z += height
        return pose

    def lane_offset(self, lane: int) -> float:
        """How far a lane's centre lies to the left of the ego's, at the start [m]."""
        if lane not in self._offsets:
            origin = self._origin.transform
            step = self._waypoint(lane).transform.location - origin.location
            self._offsets[lane] = -dot(step, origin.get_right_vector()) * self._sign
        return self._offsets[lane]

    def follow(self, s: float, ego: carla.Transform, step: float) -> float:
        """Where the ego is along the path.

        Args:
            s: Where it was [m].
            ego: Where it is on the map.
            step: How far it has driven since [m].
        """
        s += self._sign * step
        waypoint = self._map.get_waypoint(ego.location)
        for reach in REACH:
            for guess in (s + reach, s - reach):
                here = self._inner(guess)
                if here is not None and here.road_id == waypoint.road_id:
                    along = waypoint.s - here.s
                    return guess + (along if here.lane_id < 0 else -along) * self._sign
        # in a junction many lanes are under it, and the wrong lane leads back
        if _goes_the_way_of(ego, waypoint) and not waypoint.is_junction:
            self._begin(waypoint, s)
        return s

    def _begin(self, waypoint: carla.Waypoint, s: float) -> carla.Waypoint:
        """Go on from a lane at `s`, and return the one beside it that is next to the middle."""
        beside = [lane for lane in lanes_beside(waypoint, left=True) if lane.lane_id * waypoint.lane_id > 0]
        innermost = [waypoint, *beside][-1]
        self._begins = s
        self._ahead, self._behind = Route(innermost), Route(innermost, forwards=False)
        return innermost

    def _inner(self, s: float) -> carla.Waypoint | None:
        """The lane next to the middle at `s`."""
        distance = (s - self._begins) * self._sign
        return self._ahead.at(distance) if distance >= 0.0 else self._behind.at(-distance)

    def _place(self, lane: int, s: float) -> carla.Waypoint | None:
        """A lane at `s`; None where the road lacks it or something else is in its place."""
        if lane not in self._kinds:
            self._kinds[lane] = self._waypoint(lane).lane_type
        inner = self._inner(s)
        if inner is None:
            return None
        # roads that run the other way count their lanes the other way
        local = inner.lane_id + (lane - self._innermost) * (1 if inner.lane_id * self._innermost > 0 else -1)
        there = self._map.get_waypoint_xodr(inner.road_id, local, inner.s) if local else None
        return there if there is not None and there.lane_type == self._kinds[lane] else None

    def _waypoint(self, lane: int) -> carla.Waypoint:
        """A lane beside the ego's start."""
        waypoint = self._map.get_waypoint_xodr(self._road, lane, self._start)
        if waypoint is None:
            place = f"{self._start:g} m of its road {self._road}"
            raise SetupError(f"{self._map.name} has no lane {lane} at {place}")
        return waypoint


class LanePose(NamedTuple):
    """Where something is, seen from the driving lane that is nearest to it."""

    waypoint: carla.Waypoint  # the point of that lane's centre that is next to it
    forward: carla.Vector3D  # the lane's direction
    right: carla.Vector3D
    offset: float  # distance from the lane's centre, positive = left of its direction [m]


def lane_pose(map: carla.Map, pose: carla.Transform) -> LanePose:
    """Find the driving lane under or next to a vehicle; in a junction, one that goes its way."""
    waypoint = map.get_waypoint(pose.location)
    if waypoint.is_junction and not _goes_the_way_of(pose, waypoint):
        waypoint = _lane_across(waypoint.get_junction(), pose) or waypoint
    forward, right = waypoint.transform.get_forward_vector(), waypoint.transform.get_right_vector()
    return LanePose(waypoint, forward, right, -dot(pose.location - waypoint.transform.location, right))


def _lane_across(junction: carla.Junction, pose: carla.Transform) -> carla.Waypoint | None:
    """The nearest place of the lanes that go the way of a vehicle, if one is near."""
    starts = [lane[0] for lane in junction.get_waypoints(carla.LaneType.Driving)]
    places = [place for start in starts for place in (start, *start.next_until_lane_end(STEP))]
    near = {
        distance: place
        for place in places
        if (distance := place.transform.location.distance(pose.location)) < NEAR
        and _goes_the_way_of(pose, place)
    }
    return near[min(near)] if near else None


def _goes_the_way_of(pose: carla.Transform, lane: carla.Waypoint) -> bool:
    return dot(lane.transform.get_forward_vector(), pose.get_forward_vector()) > LIKEWISE


def is_off_road(waypoint: carla.Waypoint, edges: tuple[float, float]) -> bool:
    """Whether a point is outside the drivable lanes; in a junction the ground beside them is paved too.

    Args:
        waypoint: On the driving lane that is nearest to it.
        edges: From the point to the edges of the driving lanes there, negative beyond them [m].
    """
    return min(edges) <= (-JUNCTION_ROOM if waypoint.is_junction else 0.0)


def dot(a: carla.Vector3D, b: carla.Vector3D) -> float:
    """Product of two vectors' parts in the plane of the map."""
    return float(a.x * b.x + a.y * b.y)
