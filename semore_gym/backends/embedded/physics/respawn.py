"""Places road users again whom the ego has left behind, so that the road never runs empty."""

from __future__ import annotations

import numpy as np

from semore_gym.backends.embedded.physics.road_users import Bools, RoadUsers
from semore_gym.backends.embedded.physics.walkers import Walkers
from semore_gym.scenarios.base import Cross, Cruise

TRIES = 5  # places drawn at a time; who finds none waits
ROOM = 1.5  # that walkers and standing things keep along the road [m]
DRIVING_ROOM = 20.0  # that vehicles keep [m]
VIEW = 80.0  # within which a vehicle takes over the speed of those ahead [m]
TOO_FAR = 10.0  # beyond the farthest place ahead of the ego, where an actor is out of reach too [m]


class Respawner:
    """Watches who is out of the ego's reach: far behind it, or so far ahead that it may never catch up.

    Args:
        users: Everybody.
        walkers: Told who stands anew.
        rng: Draws the places.
    """

    def __init__(self, users: RoadUsers, walkers: Walkers, rng: np.random.Generator) -> None:
        self._users = users
        self._walkers = walkers
        self._rng = rng
        rules = [spec.respawn for spec in users.specs]
        self._behind = np.array([rule.behind if rule else np.inf for rule in rules])
        self._nearest = np.array([rule.ahead[0] if rule else 0.0 for rule in rules])
        self._farthest = np.array([rule.ahead[1] if rule else np.inf for rule in rules])
        behaviours = [spec.behaviour for spec in users.specs]
        self._crossing: Bools = np.array([*(isinstance(b, Cross) for b in behaviours), False])
        self._driving: Bools = np.array([*(isinstance(b, Cruise) for b in behaviours), True])

    def step(self) -> list[int]:
        """Place again whoever is out of reach.

        Returns:
            The rows that were placed.
        """
        u = self._users
        ahead = (u.s[:-1] - u.s[-1]) * u.direction[-1]
        out = (ahead < -self._behind) | (ahead > self._farthest + TOO_FAR)
        return [row for row in np.flatnonzero(out).tolist() if self._place(row)]

    def _place(self, row: int) -> bool:
        u = self._users
        spec = u.specs[row]
        t = u.road.lanes[spec.lane].center + spec.offset
        for _ in range(TRIES):
            s = float(u.s[-1] + u.direction[-1] * self._rng.uniform(self._nearest[row], self._farthest[row]))
            if 0.0 < s < u.road.length and self._is_clear(row, s, t):
                self._put(row, s, t)
                return True
        return False

    def _is_clear(self, row: int, s: float, t: float) -> bool:
        """Whether nobody is near (s, t), or, for who crosses the road, near its way over."""
        u = self._users
        room = np.where(self._driving & self._driving[row], DRIVING_ROOM, ROOM)
        close = np.abs(u.s - s) < u.half_length + u.half_length[row] + room
        aside = np.minimum(np.abs(u.t - t), np.abs(u.goal - t)) < u.half_width + u.half_width[row] + 0.5
        blocked = close & (aside | self._crossing | self._crossing[row])
        blocked[row] = False
        return not blocked.any()

    def _put(self, row: int, s: float, t: float) -> None:
        u = self._users
        behaviour = u.specs[row].behaviour
        u.s[row], u.t[row], u.goal[row] = s, t, t
        u.free[row] = False
        u.across[row] = 0.0
        speed = min(behaviour.speed, self._speed_ahead(row)) if isinstance(behaviour, Cruise) else 0.0
        u.along[row] = u.direction[row] * speed
        u.turn[row] = u.turn_at_rest[row]
        if isinstance(behaviour, Cross):
            self._walkers.place_on_the_way(row)

    def _speed_ahead(self, row: int) -> float:
        """Speed of the slowest vehicle that `row`, just placed, sees ahead in its lane; inf if none [m/s]."""
        u = self._users
        ahead = (u.s - u.s[row]) * u.direction[row]
        in_lane = np.abs(u.t - u.t[row]) < u.half_width + u.half_width[row]
        seen = in_lane & (ahead > 0.0) & (ahead < VIEW)
        return float((u.along * u.direction[row])[seen].min(initial=np.inf))
