"""A careful driver who knows the map and what is ahead."""

from __future__ import annotations

import math

import carla

from semore_gym.backends.base import Control, Tick
from semore_gym.backends.carla.lanes import lane_pose

PREVIEW_TIME, MIN_PREVIEW = 0.6, 5.0  # how far ahead it aims [s], [m]
WHEELBASE = 2.875  # of the Tesla [m]
FULL_STEER = math.radians(70.0)
HEADWAY, MIN_GAP = 1.5, 4.0  # to what is ahead [s], [m]
CAUTION = 3.0  # deceleration that it plans with [m/s2]
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
    ahead = lane_pose(map, pose.location).waypoint.next(distance)
    target = (ahead[0].transform if ahead else pose).location
    bearing = math.atan2(target.y - pose.location.y, target.x - pose.location.x)
    alpha = math.remainder(bearing - math.radians(pose.rotation.yaw), math.tau)
    angle = math.atan(2.0 * WHEELBASE * math.sin(alpha) / distance)
    room = max(tick.gap - MIN_GAP, 0.0)
    wanted = min(limit, math.sqrt(2.0 * CAUTION * room), max(room / HEADWAY, 0.25))
    pedal = min(max(GAIN * (wanted - tick.speed), -1.0), 1.0)
    return Control(min(max(angle / FULL_STEER, -1.0), 1.0), max(pedal, 0.0), max(-pedal, 0.0))
