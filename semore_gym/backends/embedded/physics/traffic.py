"""Drivers of the other vehicles: car following by IDM, lane changes by MOBIL."""

from __future__ import annotations

import math

import numpy as np

from semore_gym.backends.embedded.physics.road_users import Bools, Floats, RoadUsers
from semore_gym.scenarios.base import Cruise

# Treiber, Hennecke, Helbing 2000, Congested traffic states in empirical observations and simulations
ACCELERATION = 1.5  # [m/s2]
DECELERATION = 2.0  # comfortable [m/s2]
HEADWAY = 1.0  # [s]
DECISION_PERIOD = 2  # [ticks]
BRAKE_LIGHTS = -0.5  # acceleration below which they shine [m/s2]
LATERAL_COMFORT = 3.5  # [m/s2]
BEND_PREVIEW = 40.0  # how far ahead drivers look for bends [m]
HARDEST_BRAKING = 8.0  # [m/s2]
# Kesting, Treiber, Helbing 2007, General lane-changing model MOBIL for car-following models
POLITENESS = 0.2
ADVANTAGE = 0.3  # that a change must bring [m/s2]
SAFE_BRAKING = 2.5  # that it may ask of whoever drives behind [m/s2]
SIDEWAYS_SPEED = 1.5  # of a lane change [m/s]
SIDEWAYS_ACCELERATION = 1.5  # [m/s2]
SETTLING_TIME = 0.8  # in which the last of it fades out [s]
IMPEDED = 0.9  # a driver slower than this share of the wanted speed thinks of changing lane


def idm(
    speed: Floats | float,
    wanted: Floats | float,
    gap: Floats | float,
    closing: Floats | float,
    min_gap: Floats | float,
) -> Floats:
    """Acceleration of the intelligent driver model.

    a [1 - (v / v0)^4 - (s* / s)^2], s* = s0 + max(0, v T + v dv / (2 sqrt(a b))); Treiber et al. 2000.

    Args:
        speed: v [m/s].
        wanted: v0 [m/s].
        gap: s, bumper to bumper; inf = nobody ahead [m].
        closing: dv, positive when coming closer [m/s].
        min_gap: s0 [m].

    Returns:
        The acceleration, at least -`HARDEST_BRAKING` [m/s2].
    """
    brake = 2.0 * math.sqrt(ACCELERATION * DECELERATION)
    wish = min_gap + np.maximum(0.0, speed * HEADWAY + speed * closing / brake)
    ratio = wish / np.maximum(gap, 0.1)
    a = ACCELERATION * (1.0 - (speed / np.maximum(wanted, 0.1)) ** 4 - ratio * ratio)
    return np.asarray(np.maximum(a, -HARDEST_BRAKING))


class Traffic:
    """Moves every actor whose behaviour is Cruise.

    Args:
        users: Everybody on the road.
    """

    def __init__(self, users: RoadUsers) -> None:
        self._users = users
        n = len(users.s)
        self.cruising: Bools = np.zeros(n, bool)
        self.wanted: Floats = np.zeros(n)  # [m/s]
        self.min_gap: Floats = np.full(n, 2.0)  # [m]
        self._changers: list[int] = []
        for i, spec in enumerate(users.specs):
            if isinstance(spec.behaviour, Cruise):
                self.cruising[i] = True
                self.wanted[i] = spec.behaviour.speed
                self.min_gap[i] = spec.behaviour.min_gap
                if spec.behaviour.lane_changes:
                    self._changers.append(i)
        self.wanted[-1] = users.road.speed_limit  # for judging what a change would do to the ego
        self._any = bool(self.cruising.any())
        tightest = float(np.abs(users.road.curvatures(np.arange(0.0, users.road.length, 10.0))).max())
        fastest = float(self.wanted[self.cruising].max(initial=0.0))
        self._slows_in_bends = fastest * fastest * tightest > LATERAL_COMFORT
        self._ticks = 0
        self._push: Floats = np.zeros(n)  # acceleration until the next decision [m/s2]

    def step(self, dt: float) -> None:
        """Choose accelerations and lanes now and then, move on by `dt` [s]."""
        if not self._any:
            return
        u = self._users
        driven = self.cruising & ~u.free
        speed = u.along * u.direction
        if self._ticks % DECISION_PERIOD == 0:
            self._consider_change()
            self._push = idm(speed, self._wanted_here(), u.gap, u.closing, self.min_gap)
            u.braking = driven & (self._push < BRAKE_LIGHTS)
        self._ticks += 1
        gain = np.maximum(self._push * dt, -speed) * driven
        u.along += gain * u.direction
        speed += gain
        moved = speed * driven * dt
        u.s += moved * u.direction / u.stretch
        u.travelled += moved
        self._steer(driven, speed, dt)

    def _wanted_here(self) -> Floats:
        """Wanted speeds, lower in bends that are too tight for them [m/s]."""
        if not self._slows_in_bends:
            return self.wanted
        u = self._users
        curvature = np.maximum(
            np.abs(u.road.curvatures(u.s)), np.abs(u.road.curvatures(u.s + BEND_PREVIEW * u.direction))
        )
        return np.minimum(self.wanted, np.sqrt(LATERAL_COMFORT / np.maximum(curvature, 1e-6)))

    def _steer(self, driven: Bools, speed: Floats, dt: float) -> None:
        """Move those who change lane sideways, gently at both ends."""
        u = self._users
        rest = np.where(driven, u.goal - u.t, 0.0)
        if not rest.any():
            return
        fastest = np.minimum(SIDEWAYS_SPEED, 0.3 * speed)
        wish = np.clip(rest / SETTLING_TIME, -fastest, fastest)
        across = u.across + np.clip(wish - u.across, -SIDEWAYS_ACCELERATION * dt, SIDEWAYS_ACCELERATION * dt)
        there = np.abs(rest) < 0.01
        u.across = np.where(driven, np.where(there, 0.0, across), u.across)
        u.t = np.where(driven, np.where(there, u.goal, u.t + across * dt), u.t)
        slip = np.arctan2(u.across * u.direction, np.maximum(speed, 1.0))
        u.turn = np.where(driven, np.where(u.direction > 0, slip, math.pi + slip), u.turn)

    def _consider_change(self) -> None:
        """Let one driver in turn think about the neighbouring lanes."""
        if not self._changers:
            return
        i = self._changers[self._ticks // DECISION_PERIOD % len(self._changers)]
        u = self._users
        settled = abs(u.goal[i] - u.t[i]) < 0.05 and not u.free[i]
        if settled and u.along[i] * u.direction[i] < IMPEDED * self.wanted[i] and u.gap[i] < 80.0:
            gains = [(self._gain(i, center), center) for center in self._neighbours(i)]
            best = max(gains, default=(-math.inf, 0.0))
            if best[0] > ADVANTAGE:
                u.goal[i] = best[1]

    def _neighbours(self, i: int) -> list[float]:
        """Centres of the driving lanes beside row i's, in its direction [m]."""
        u = self._users
        here = u.road.lane_at(float(u.t[i]))
        if here is None:
            return []
        lanes = (u.road.lanes.get(here.id + step) for step in (-1, 1))
        return [
            lane.center
            for lane in lanes
            if lane is not None and lane.kind == "driving" and lane.id * here.id > 0
        ]

    def _gain(self, i: int, center: float) -> float:
        """MOBIL's incentive for row i to move to the lane at `center`; -inf where it is not safe [m/s2]."""
        u = self._users
        beside = np.minimum(np.abs(u.t - center), np.abs(u.goal - center)) < u.half_width + u.half_width[i]
        beside[i] = False
        ahead = (u.s - u.s[i]) * u.direction[i]
        clear = np.abs(ahead) - u.half_length - u.half_length[i]
        if bool((beside & (clear < self.min_gap[i])).any()):
            return -math.inf
        v = u.along * u.direction[i]
        front = np.where(beside & (ahead > 0), clear, np.inf)
        back = np.where(beside & (ahead < 0), clear, np.inf)
        j, k = int(front.argmin()), int(back.argmin())
        now = idm(v[i], self.wanted[i], u.gap[i], u.closing[i], self.min_gap[i])
        then = idm(v[i], self.wanted[i], front[j], v[i] - v[j], self.min_gap[i])
        if not math.isfinite(back[k]):
            return float(then - now)
        wanted = max(float(self.wanted[k]), float(v[k]))
        follower_now = idm(v[k], wanted, u.gap[k], u.closing[k], self.min_gap[k])
        follower_then = idm(v[k], wanted, back[k], v[k] - v[i], self.min_gap[k])
        if min(float(follower_then), float(then)) < -SAFE_BRAKING:
            return -math.inf
        return float(then - now + POLITENESS * min(float(follower_then - follower_now), 0.0))
