"""People who cross the road without looking."""

from __future__ import annotations

import math

import numpy as np

from semore_gym.backends.embedded.physics.road_users import RoadUsers
from semore_gym.scenarios.base import Cross

KERB = 0.4  # from the kerb's edge to the middle of someone who waits there [m]
AT_KERB = 0.1  # from there, who still counts as waiting [m]
ARM = 0.3  # room that a walker leaves to a car that stands in the way [m]


class Walkers:
    """Moves every actor whose behaviour is Cross.

    A walker waits at the kerb, where each second brings a chance to set off, crosses at constant speed and
    waits again at the other kerb. Nobody looks out for traffic; but nobody walks into the side of a car that
    is in the way already, since that would be a crash which no driver could prevent.

    Args:
        users: Everybody on the road.
        dt: Duration of a tick [s].
        rng: Draws who sets off when.
    """

    def __init__(self, users: RoadUsers, dt: float, rng: np.random.Generator) -> None:
        self._users = users
        self._dt = dt
        self._rng = rng
        self._second = round(1.0 / dt)
        walkable = [lane for lane in users.road.lanes.values() if lane.kind != "sidewalk"]
        self.kerbs = (  # where one waits, on the right and on the left [m]
            min(lane.right for lane in walkable) - KERB,
            max(lane.left for lane in walkable) + KERB,
        )
        self._behaviours = {
            i: spec.behaviour for i, spec in enumerate(users.specs) if isinstance(spec.behaviour, Cross)
        }
        self._waited = {i: int(rng.integers(self._second)) for i in self._behaviours}  # [ticks]
        for i in self._behaviours:
            self.place(i)

    def place(self, i: int) -> None:
        """Take note that row `i` stands somewhere new: at a kerb, or on its way over in either direction."""
        u = self._users
        u.across[i] = 0.0
        u.goal[i] = u.t[i]
        u.turn[i] = -math.copysign(math.pi / 2, u.t[i])
        if self.kerbs[0] + AT_KERB < u.t[i] < self.kerbs[1] - AT_KERB:
            self._set_off(i, self.kerbs[int(self._rng.integers(2))])

    def place_on_the_way(self, i: int) -> None:
        """Put row `i`, who has been moved along the road, somewhere between the kerbs."""
        self._users.t[i] = self._rng.uniform(*self.kerbs)
        self.place(i)

    def step(self) -> None:
        """Move on by one tick."""
        u = self._users
        for i in self._behaviours:
            if u.free[i]:
                continue
            if u.goal[i] == u.t[i]:
                self._wait(i)
            else:
                self._walk(i)

    def _wait(self, i: int) -> None:
        self._waited[i] += 1
        if self._waited[i] % self._second == 0 and self._rng.random() < self._behaviours[i].probability:
            self._set_off(i, self.kerbs[1] if self._users.t[i] < 0.0 else self.kerbs[0])

    def _set_off(self, i: int, goal: float) -> None:
        u = self._users
        u.goal[i] = goal
        u.across[i] = math.copysign(self._behaviours[i].speed, goal - u.t[i])
        u.turn[i] = math.copysign(math.pi / 2, u.across[i])

    def _walk(self, i: int) -> None:
        u = self._users
        speed = math.copysign(self._behaviours[i].speed, u.goal[i] - u.t[i])
        step = speed * self._dt
        if self._in_the_way(i, step):
            u.across[i] = 0.0
            return
        u.across[i] = speed
        u.travelled[i] += abs(step)
        if abs(u.goal[i] - u.t[i]) <= abs(step):
            u.t[i] = u.goal[i]
            u.across[i] = 0.0
            u.turn[i] = -math.copysign(math.pi / 2, u.t[i])
        else:
            u.t[i] += step

    def _in_the_way(self, i: int, step: float) -> bool:
        """Whether a step sideways of `step` [m] would end at the flank of the ego, and start clear of it."""
        u = self._users
        if abs(u.s[i] - u.s[-1]) > u.half_length[-1] + u.half_length[i]:
            return False
        room = u.half_width[-1] + u.half_width[i] + ARM
        before, after = u.t[i] - u.t[-1], u.t[i] + step - u.t[-1]
        return bool(abs(after) < room and abs(after) < abs(before))
