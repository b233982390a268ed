"""Where a scenario's lanes and metres are on a CARLA map.

CARLA's frame is left-handed (y to the right of x, yaw clockwise); scenarios, and what an environment reports,
count lateral offsets and angles to the left.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import carla

from semore_gym.backends.carla.client import SetupError
from semore_gym.scenarios.base import Episode


class LanePath:
    """The ego's lane through an episode, followed straight on beyond its road's end.

    Args:
        map: The map.
        episode: Its location and the ego's position begin the path.
    """

    def __init__(self, map: carla.Map, episode: Episode) -> None:
        self._map = map
        self._road = episode.location.carla_road
        self._lane = episode.ego.lane
        self._start = episode.ego.s
        self._origin = self._waypoint(self._lane, self._start)
        self._offsets = {self._lane: 0.0}

    def transform(self, lane: int, s: float, offset: float = 0.0, height: float = 0.0) -> carla.Transform:
        """The pose of something beside the path.

        Args:
            lane: Its lane, whose direction is the heading.
            s: Along the road's reference line [m].
            offset: From the lane's centre, positive = left of the reference line's direction [m].
            height: Above the road [m].
        """
        ego_side = self._lane * lane > 0
        pose = self._on_path(s).transform
        side = self.lane_offset(lane) + offset
        pose.location -= pose.get_right_vector() * (side if self._lane < 0 else -side)
        pose.location.z += height
        pose.rotation.yaw += 0.0 if ego_side else 180.0
        return pose

    def on_road(self, s: float) -> float:
        """Where the scenario's `s` is on its road: past its end, as far from the ego's start [m]."""
        if self._lane > 0 or self._exists(s):
            return s
        end, beyond = self._start, s
        while beyond - end > 0.1:
            middle = (end + beyond) / 2
            end, beyond = (middle, beyond) if self._exists(middle) else (end, middle)
        return self._start + (s - self._start) % (end - self._start)

    def _exists(self, s: float) -> bool:
        return self._map.get_waypoint_xodr(self._road, self._lane, s) is not None

    def lane_offset(self, lane: int) -> float:
        """How far a lane's centre lies to the left of the ego's, at the start [m]."""
        if lane not in self._offsets:
            origin = self._origin.transform
            step = self._waypoint(lane, self._start).transform.location - origin.location
            left = -dot(step, origin.get_right_vector())
            self._offsets[lane] = left if self._lane < 0 else -left
        return self._offsets[lane]

    def follow(self, s: float, waypoint: carla.Waypoint, step: float) -> float:
        """Where the ego is along the path, which counts on where the scenario's road ends and another begins.

        Args:
            s: Where it was [m].
            waypoint: On the lane under it.
            step: How far it has driven along its lane since [m].
        """
        if waypoint.road_id == self._road:
            return float(waypoint.s)
        return s + (step if self._lane < 0 else -step)

    def _on_path(self, s: float) -> carla.Waypoint:
        """The ego's lane at `s`, on its road or past its end."""
        waypoint = self._map.get_waypoint_xodr(self._road, self._lane, s)
        if waypoint is not None:
            return waypoint
        distance = (s - self._start) * (1 if self._lane < 0 else -1)
        following = (
            self._origin.next(distance) if distance > 0 else self._origin.previous(max(-distance, 0.1))
        )
        if not following:
            raise SetupError(f"road {self._road} of {self._map.name} ends before s = {s:g} m")
        yaw = self._origin.transform.rotation.yaw
        return min(following, key=lambda each: abs(math.remainder(each.transform.rotation.yaw - yaw, 360.0)))

    def _waypoint(self, lane: int, s: float) -> carla.Waypoint:
        waypoint = self._map.get_waypoint_xodr(self._road, lane, s)
        if waypoint is None:
            raise SetupError(f"{self._map.name} has no lane {lane} at {s:g} m of its road {self._road}")
        return waypoint


class LanePose(NamedTuple):
    """Where something is, seen from the driving lane that is nearest to it."""

    waypoint: carla.Waypoint  # the point of that lane's centre that is next to it
    forward: carla.Vector3D  # the lane's direction
    right: carla.Vector3D
    offset: float  # distance from the lane's centre, positive = left of its direction [m]


def lane_pose(map: carla.Map, location: carla.Location) -> LanePose:
    """Find the driving lane under or next to a point."""
    waypoint = map.get_waypoint(location)
    forward, right = waypoint.transform.get_forward_vector(), waypoint.transform.get_right_vector()
    return LanePose(waypoint, forward, right, -dot(location - waypoint.transform.location, right))


def carriageway(waypoint: carla.Waypoint) -> tuple[float, float]:
    """From a lane's centre to the edges of the driving lanes that join up with it, in its direction.

    Returns:
        To the left edge and to the right edge [m].
    """
    half = waypoint.lane_width / 2
    return half + _width_beside(waypoint, left=True), half + _width_beside(waypoint, left=False)


def is_off_road(waypoint: carla.Waypoint, edges: tuple[float, float]) -> bool:
    """Whether a point is outside the drivable lanes; between those of a junction the ground is paved too.

    Args:
        waypoint: On the driving lane that is nearest to it.
        edges: From the point to the edges of the driving lanes there, negative beyond them [m].
    """
    return min(edges) <= 0.0 and not waypoint.is_junction


def _width_beside(waypoint: carla.Waypoint, left: bool) -> float:
    width = 0.0
    lane = waypoint
    while True:
        # past the middle of the road lanes run the other way, and "left" means back
        same_way = lane.lane_id * waypoint.lane_id > 0
        beside = lane.get_left_lane() if left == same_way else lane.get_right_lane()
        if beside is None or beside.lane_type != carla.LaneType.Driving:
            return width
        width += beside.lane_width
        lane = beside


def dot(a: carla.Vector3D, b: carla.Vector3D) -> float:
    """Product of two vectors' parts in the plane of the map."""
    return float(a.x * b.x + a.y * b.y)
