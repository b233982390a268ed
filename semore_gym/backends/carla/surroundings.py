"""Where the road goes and where everybody is, from the map and the actors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import carla

from semore_gym.backends.base import BENDS_AT, RoadUser, Surroundings
from semore_gym.backends.carla.cast import Member
from semore_gym.backends.carla.lanes import LanePose, dot, lane_pose
from semore_gym.backends.carla.route import Route


def look_around(map: carla.Map, ego: carla.Vehicle, members: Sequence[Member]) -> Surroundings:
    """What `Backend.surroundings` promises.

    Args:
        map: The map.
        ego: The ego vehicle.
        members: Everybody else.
    """
    pose, extent = ego.get_transform(), ego.bounding_box.extent
    lane = lane_pose(map, pose)
    facing = 1.0 if dot(pose.get_forward_vector(), lane.forward) >= 0.0 else -1.0
    route = Route(lane.waypoint, forwards=facing > 0.0)
    return Surroundings(
        half_length=float(extent.x),
        half_width=float(extent.y),
        bends=tuple(route.bend(distance) for distance in BENDS_AT),
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


def _kind(blueprint: str) -> Literal["walker", "bicycle", "vehicle"]:
    if blueprint.startswith("walker."):
        return "walker"
    return "bicycle" if blueprint.startswith("vehicle.bh.") else "vehicle"
