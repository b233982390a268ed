"""A careful driver who knows the map and what is ahead."""

from __future__ import annotations

import math

import carla

from semore_gym.backends.base import Control, Tick
from semore_gym.backends.carla.lanes import lane_pose
from semore_gym.backends.carla.route import BEND_LENGTH, Route

PREVIEW_TIME, MIN_PREVIEW = 0.6, 5.0  # how far ahead it aims [s], [m]
WHEELBASE = 2.875  # of the Tesla [m]
FULL_STEER = math.radians(70.0)
HEADWAY, MIN_GAP = 1.5, 4.0  # to what is ahead [s], [m]
CAUTION = 3.0  # deceleration that it plans with [m/s2]
SIDEWAYS = 3.0  # acceleration that it takes bends with [m/s2]
GAIN = 0.4  # pedal per m/s of wrong speed


def drive(map: carla.Map, ego: carla.Vehicle, tick: Tick, limit: float) -> Control:
    """What to do now: pure pursuit of the lane's centre (Coulter 1992), and a speed that can stop in time.

    Args:
        map: The map.
        ego: The ego vehicle.
        tick: What its instruments read.
        limit: The speed limit [m/s].
    """
    pose = ego.get_transform()
    distance = max(MIN_PREVIEW, PREVIEW_TIME * tick.speed)
    route = Route(lane_pose(map, pose).waypoint)
    ahead = route.at(distance)
    target = (pose if ahead is None else ahead.transform).location
    bearing = math.atan2(target.y - pose.location.y, target.x - pose.location.x)
    alpha = math.remainder(bearing - math.radians(pose.rotation.yaw), math.tau)
    angle = math.atan(2.0 * WHEELBASE * math.sin(alpha) / distance)
    room = max(tick.gap - MIN_GAP, 0.0)
    free = min(limit, _bend_speed(route, tick.speed))
    wanted = min(free, math.sqrt(2.0 * CAUTION * room), max(room / HEADWAY, 0.25))
    pedal = min(max(GAIN * (wanted - tick.speed), -1.0), 1.0)
    return Control(min(max(angle / FULL_STEER, -1.0), 1.0), max(pedal, 0.0), max(-pedal, 0.0))


def _bend_speed(route: Route, speed: float) -> float:
    """The highest speed that lets it slow down for every bend that it could brake for now [m/s]."""
    highest, distance = math.inf, BEND_LENGTH / 2
    while distance < BEND_LENGTH + speed**2 / (2.0 * CAUTION):
        in_bend = SIDEWAYS / max(abs(route.bend(distance)), 1e-6)  # squared
        highest = min(highest, math.sqrt(in_bend + 2.0 * CAUTION * (distance - BEND_LENGTH / 2)))
        distance += BEND_LENGTH / 2
    return highest
