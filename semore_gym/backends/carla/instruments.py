"""What the ego's instruments read, from the map and the sensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import carla

from semore_gym.backends.base import Tick
from semore_gym.backends.carla.cast import Member
from semore_gym.backends.carla.lanes import LanePose, dot, is_off_road, lane_pose
from semore_gym.backends.carla.route import carriageway

SIGHT = 150.0  # how far ahead a leader is looked for [m]
PERSON = ("walker.", "vehicle.bh.")  # how the blueprints of people on foot or on a bicycle begin


class Instruments:
    """Reads the ego's state after each tick.

    Args:
        map: The map.
        ego: The ego vehicle.
    """

    def __init__(self, map: carla.Map, ego: carla.Vehicle) -> None:
        self._map, self._ego = map, ego
        extent = ego.bounding_box.extent
        self._half_length, self._half_width = float(extent.x), float(extent.y)
        self._before: dict[int, carla.Vector3D] = {}  # velocities before the tick, by actor

    def read(self, frame: int, members: Sequence[Member], hits: Sequence[Any], marks: Sequence[Any]) -> Tick:
        """The ego's state.

        Args:
            frame: Number of ticks in this episode.
            members: Everybody else.
            hits: Collision events of the last tick.
            marks: Lane invasion events of it.
        """
        pose, velocity = self._ego.get_transform(), self._ego.get_velocity()
        lane = lane_pose(self._map, pose)
        lane_speed = velocity.x * lane.forward.x + velocity.y * lane.forward.y
        left, right = carriageway(lane.waypoint)
        edges = (left - lane.offset, right + lane.offset)
        if lane.waypoint.lane_id > 0:  # sides are those of the road's direction
            edges = edges[::-1]
        error = lane.waypoint.transform.rotation.yaw - pose.rotation.yaw
        gap, closing = self._look_ahead(pose.location, lane, velocity, members)
        person = self._person_hit_speed(hits)
        self._before = {member.actor.id: member.actor.get_velocity() for member in members}
        self._before[self._ego.id] = velocity
        return Tick(
            frame=frame,
            speed=math.hypot(velocity.x, velocity.y),
            lane_speed=lane_speed,
            yaw=-pose.rotation.yaw,
            lane_offset=lane.offset,
            heading_error=(error + 180.0) % 360.0 - 180.0,
            lane_invasions=sum(len(event.crossed_lane_markings) for event in marks),
            impulse=float(sum(event.normal_impulse.length() for event in hits)),
            contact=bool(hits),
            person_hit_speed=person,
            off_road=is_off_road(lane.waypoint, edges),
            edge_left=edges[0],
            edge_right=edges[1],
            gap=gap,
            time_to_collision=gap / closing if closing > 1e-3 and gap < math.inf else math.inf,
        )

    def _look_ahead(
        self,
        location: carla.Location,
        lane: LanePose,
        velocity: carla.Vector3D,
        members: Sequence[Member],
    ) -> tuple[float, float]:
        """Gap to the nearest road user in the ego's path [m], and how fast it shrinks [m/s]."""
        best, closing = math.inf, 0.0
        for member in members:
            other = member.actor.get_location()
            ahead, aside = self._in_lane(other - location, lane)
            if not 0.0 < ahead < SIGHT:
                continue
            if ahead > 20.0:
                aside = self._aside_of_lane(other, lane, ahead, aside)
            clear = ahead - self._half_length - member.half_length
            if abs(aside) < self._half_width + member.half_width and clear < best:
                theirs = member.actor.get_velocity()
                best = clear
                closing = (velocity.x - theirs.x) * lane.forward.x + (velocity.y - theirs.y) * lane.forward.y
        return max(best, 0.0), closing

    @staticmethod
    def _in_lane(step: carla.Vector3D, lane: LanePose) -> tuple[float, float]:
        """A step as metres ahead and to the right."""
        return (
            step.x * lane.forward.x + step.y * lane.forward.y,
            step.x * lane.right.x + step.y * lane.right.y,
        )

    def _aside_of_lane(self, other: carla.Location, lane: LanePose, ahead: float, straight: float) -> float:
        """How far to the right of the ego's line along its lane something is, where the road may bend."""
        here = lane.waypoint
        s = here.s + (ahead if here.lane_id < 0 else -ahead)
        there = self._map.get_waypoint_xodr(here.road_id, here.lane_id, s)
        if there is None:
            return straight
        right, step = there.transform.get_right_vector(), other - there.transform.location
        return float(step.x * right.x + step.y * right.y) + lane.offset

    def _person_hit_speed(self, hits: Sequence[Any]) -> float:
        """Highest speed, before the tick and along the ego's heading, at which it ran into a person [m/s]."""
        still = carla.Vector3D()
        ego, forward = self._before.get(self._ego.id, still), self._ego.get_transform().get_forward_vector()
        return max(
            (
                max(dot(ego - self._before.get(event.other_actor.id, still), forward), 0.0)
                for event in hits
                if event.other_actor.type_id.startswith(PERSON)
            ),
            default=0.0,
        )
