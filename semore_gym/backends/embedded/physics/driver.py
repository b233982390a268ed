"""The scripted driver: a careful driver who knows the simulator's state."""

from __future__ import annotations

import math

import numpy as np

from semore_gym.backends.base import Control
from semore_gym.backends.embedded.blueprints import BODIES, EGO
from semore_gym.backends.embedded.physics.traffic import ACCELERATION, idm
from semore_gym.backends.embedded.physics.vehicle import DRIVE_FORCE, WHEELBASE, steer_limit
from semore_gym.backends.embedded.physics.world import World
from semore_gym.scenarios.base import Cross

PREVIEW_TIME = 0.6  # how far ahead the driver aims [s]
MIN_PREVIEW = 5.0  # [m]
FULL_BRAKE = 9.5  # [m/s2]
MIN_GAP = 3.0  # to the leader at standstill [m]
BRAKING = 5.0  # planned for [m/s2]
PERIOD = 0.2  # between two decisions [s]
REACTION = 0.3  # that, and a little more [s]
BERTH = 0.5  # around people, sideways [m]
STOP_SHORT = 2.5  # of where people cross [m]
GETTING_UNDER_WAY = 4.0  # below this speed the driver counts on speeding up [m/s]
NEAREST = 0.3  # that it may creep up to people [m]
CREEP = 0.25  # rather than stand, which counts as stuck [m/s]
WATCHED = 70.0  # how far ahead people are looked at [m]


class ScriptedDriver:
    """Keeps its lane and its gap, and brakes for people.

    Args:
        world: What it knows all about.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._target = float(world.users.t[-1])

    def __call__(self) -> Control:
        """What to do now."""
        push = min(self._follow(), self._yield_to_people())
        throttle, brake = pedals(push, self._world.ego.speed)
        return Control(steer_along(self._world, self._target), throttle, brake)

    def _follow(self) -> float:
        """IDM's acceleration behind the nearest vehicle in the ego's path [m/s2]."""
        u = self._world.users
        gap, closing = math.inf, 0.0
        for row, body in enumerate(u.bodies[:-1]):
            ahead = float(u.s[row] - u.s[-1])
            aside = min(abs(float(u.t[row] - u.t[-1])), abs(float(u.goal[row]) - self._target))
            if body.kind != "walker" and ahead > 0.0 and aside < u.half_width[row] + u.half_width[-1] + 0.2:
                clear = ahead - float(u.half_length[row] + u.half_length[-1])
                if clear < gap:
                    gap, closing = clear, float(u.along[-1] - u.along[row])
        return float(idm(self._world.ego.speed, self._world.road.speed_limit, gap, closing, MIN_GAP))

    def _yield_to_people(self) -> float:
        """The least acceleration that anybody on foot asks for [m/s2]."""
        u = self._world.users
        nose = float(u.s[-1] + u.half_length[-1])
        wish = math.inf
        creep = (CREEP - self._world.ego.speed) / PERIOD
        for row, body in enumerate(u.bodies[:-1]):
            distance = float(u.s[row] - u.half_length[row]) - nose
            if body.kind == "walker" and -0.2 < distance < WATCHED:
                least = creep if distance > NEAREST else -FULL_BRAKE
                wish = min(wish, max(self._yield_to(row, distance), least))
        return wish

    def _yield_to(self, row: int, distance: float) -> float:
        """Acceleration for one person who is `distance` [m] ahead of the nose."""
        speed = self._world.ego.speed
        enters, leaves = self._crossing_times(row)
        arrival = time_to_cover(max(distance, 0.0), speed)
        if arrival + 0.15 < enters or distance < 0.0 < enters:
            return math.inf  # past before they come
        room = max(distance - STOP_SHORT, 0.01)
        if math.isinf(leaves):  # at the kerb, may come or not: stay able to stop
            return (stoppable_speed(distance - NEAREST) - speed) / REACTION
        if arrival - 0.3 > leaves:
            return math.inf  # gone before the ego comes
        if speed < 2.0 * room / max(leaves, 1e-3):
            return 2.0 * (room - speed * leaves) / max(leaves, 1e-3) ** 2  # arrive as they leave
        return -speed * speed / (2.0 * room)

    def _crossing_times(self, row: int) -> tuple[float, float]:
        """When somebody enters the ego's strip at the earliest, and leaves it; inf = nobody knows [s]."""
        u = self._world.users
        behaviour = u.specs[row].behaviour
        t, half = float(u.t[row]), float(u.half_width[row] + u.half_width[-1]) + BERTH
        right, left = float(u.t[-1]) - half, float(u.t[-1]) + half
        inside = right < t < left
        if u.free[row] or not isinstance(behaviour, Cross):
            return (0.0, math.inf) if inside else (math.inf, math.inf)
        waiting = float(u.goal[row]) == t
        heading = -np.sign(t) if waiting else np.sign(u.goal[row] - t)
        near, far = (right, left) if heading > 0 else (left, right)
        enters = 0.0 if inside else (near - t) * heading / behaviour.speed
        leaves = math.inf if waiting else (far - t) * heading / behaviour.speed
        return (math.inf, math.inf) if leaves < 0.0 else (float(enters), float(leaves))


def steer_along(world: World, target: float) -> float:
    """Pure pursuit of the line at offset `target` [m].

    The front wheels turn by atan(2 L sin(alpha) / d), alpha the bearing of a point d ahead on the line, seen
    from the rear axle (Coulter 1992).

    Returns:
        Steer in [-1, 1], negative = left.
    """
    ego = world.ego
    distance = max(MIN_PREVIEW, PREVIEW_TIME * ego.speed)
    rear_x = ego.x - WHEELBASE / 2 * math.cos(ego.yaw)
    rear_y = ego.y - WHEELBASE / 2 * math.sin(ego.yaw)
    x, y, _ = world.road.pose(float(world.users.s[-1]) - WHEELBASE / 2 + distance, target)
    alpha = math.remainder(math.atan2(y - rear_y, x - rear_x) - ego.yaw, math.tau)
    angle = math.atan(2.0 * WHEELBASE * math.sin(alpha) / math.hypot(x - rear_x, y - rear_y))
    return min(max(-angle / steer_limit(ego.speed), -1.0), 1.0)


def stoppable_speed(distance: float) -> float:
    """The speed [m/s] from which braking, after a reaction, ends within `distance` [m].

    v^2 / 2b + v T = d.
    """
    if distance <= 0.0:
        return 0.0
    delay = BRAKING * REACTION
    return math.sqrt(delay * delay + 2.0 * BRAKING * distance) - delay


def time_to_cover(distance: float, speed: float) -> float:
    """Time for `distance` [m] from `speed` [m/s] on, getting under way if that is slow [s].

    d = v t + a t^2 / 2.
    """
    if speed > GETTING_UNDER_WAY:
        return distance / speed
    return (math.sqrt(speed * speed + 2.0 * ACCELERATION * distance) - speed) / ACCELERATION


def pedals(acceleration: float, speed: float) -> tuple[float, float]:
    """Throttle and brake, each in [0, 1], for a wanted acceleration [m/s2] at `speed` [m/s]."""
    if acceleration >= 0.0:
        hold = 0.04 + 0.00004 * speed * speed  # against rolling resistance and air
        return min(acceleration * BODIES[EGO].mass / DRIVE_FORCE + hold, 1.0), 0.0
    return 0.0, min(-acceleration / FULL_BRAKE, 1.0)
