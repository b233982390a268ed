"""Where the road goes and where everybody is, from the map and the actors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import carla

from semore_gym.backends.base import BENDS_AT, RoadUser, Surroundings
from semore_gym.backends.carla.cast import Member
from semore_gym.backends.carla.lanes import LanePose, dot, lane_pose

BEND_LENGTH = 5.0  # over which a bend is measured [m]


def look_around(map: carla.Map, ego: carla.Vehicle, members: Sequence[Member]) -> Surroundings:
    """What `Backend.surroundings` promises.

    Args:
        map: The map.
        ego: The ego vehicle.
        members: Everybody else.
    """
    pose, extent = ego.get_transform(), ego.bounding_box.extent
    lane = lane_pose(map, pose.location)
    facing = 1.0 if dot(pose.get_forward_vector(), lane.forward) >= 0.0 else -1.0
    return Surroundings(
        half_length=float(extent.x),
        half_width=float(extent.y),
        bends=tuple(facing * _bend(lane.waypoint, facing * distance) for distance in BENDS_AT),
        others=tuple(_road_user(map, pose.location, lane, facing, member) for member in members),
    )


def _road_user(
    map: carla.Map, here: carla.Location, lane: LanePose, facing: float, member: Member
) -> RoadUser:
    there, velocity = member.actor.get_location(), member.actor.get_velocity()
    ahead = dot(there - here, lane.forward)
    beside = _along(map, lane.waypoint, ahead)
    if beside is not lane.waypoint:  # the road may bend on the way
        ahead += dot(there - beside.transform.location, beside.transform.get_forward_vector())
        beside = _along(map, lane.waypoint, ahead)
    forward, right = beside.transform.get_forward_vector(), beside.transform.get_right_vector()
    left = -dot(there - beside.transform.location, right) - lane.offset
    return RoadUser(
        kind=_kind(member.spec.blueprint),
        ahead=facing * ahead,
        left=facing * left,
        speed_ahead=facing * dot(velocity, forward),
        speed_left=-facing * dot(velocity, right),
        half_length=member.half_length,
        half_width=member.half_width,
    )


def _along(map: carla.Map, waypoint: carla.Waypoint, distance: float) -> carla.Waypoint:
    """The same lane so far on in its direction [m]; `waypoint` itself where its road ends before."""
    s = waypoint.s + (distance if waypoint.lane_id < 0 else -distance)
    return map.get_waypoint_xodr(waypoint.road_id, waypoint.lane_id, s) or waypoint


def _bend(waypoint: carla.Waypoint, distance: float) -> float:
    """Curvature of a lane so far on in its direction, positive = turning left [1/m]; 0 past the map's end."""
    half = BEND_LENGTH / 2
    ends = [_follow(waypoint, distance + step) for step in (-half, half)]
    if ends[0] is None or ends[1] is None:
        return 0.0
    before, after = (end.transform.rotation.yaw for end in ends if end is not None)
    return math.radians(math.remainder(before - after, 360.0)) / BEND_LENGTH


def _follow(waypoint: carla.Waypoint, distance: float) -> carla.Waypoint | None:
    """The lane so far on, through its successors and straight on at junctions; None past the map's end."""
    steps = waypoint.next(distance) if distance > 0.0 else waypoint.previous(-distance)
    yaw = waypoint.transform.rotation.yaw
    return min(
        steps, key=lambda each: abs(math.remainder(each.transform.rotation.yaw - yaw, 360.0)), default=None
    )


def _kind(blueprint: str) -> Literal["walker", "bicycle", "vehicle"]:
    if blueprint.startswith("walker."):
        return "walker"
    return "bicycle" if blueprint.startswith("vehicle.bh.") else "vehicle"
