"""People who cross the road without looking."""

from __future__ import annotations

import carla
import numpy as np

from semore_gym.scenarios.base import Cross

EGO_REACH = (2.9, 1.6)  # from the ego's middle, ahead and aside: nobody walks into a car's side [m]


class Crossing:
    """One walker: waits at a kerb, crosses at constant speed, waits again at the other kerb.

    Args:
        behaviour: Its speed, and its chance to set off each second.
        stride: From where it waits to where it waits again [m].
        rng: Draws when it sets off.
        dt: Duration of a tick [s].
    """

    def __init__(self, behaviour: Cross, stride: float, rng: np.random.Generator, dt: float) -> None:
        self._behaviour, self._stride, self._rng = behaviour, stride, rng
        self._second = round(1.0 / dt)
        self._step = behaviour.speed * dt
        self._waited = int(rng.integers(self._second))
        self._kerb = carla.Location()
        self._across = carla.Vector3D()
        self._walked = 0.0  # from the first kerb [m]
        self._goal = 0.0  # likewise
        self._moves: bool | None = None  # not known to the server yet

    def place(self, pose: carla.Transform) -> None:
        """Wait at `pose`, on a sidewalk, along whose direction the other kerb lies to the left."""
        self._kerb = pose.location
        self._across = pose.get_right_vector() * -1.0
        self._walked = self._goal = 0.0
        self._moves = None  # who is placed in the middle of a walk would walk on

    def step(self, location: carla.Location, ego: carla.Transform) -> carla.WalkerControl | None:
        """Decide on the coming tick.

        Args:
            location: Where the walker is.
            ego: Where the ego is.

        Returns:
            A new control, or None where the last one goes on.
        """
        gone = location - self._kerb
        self._walked = gone.x * self._across.x + gone.y * self._across.y
        if abs(self._goal - self._walked) <= self._step:
            self._wait()
        sign = 1.0 if self._goal > self._walked else -1.0
        moves = abs(self._goal - self._walked) > self._step and not self._blocked(location, sign, ego)
        if moves == self._moves:
            return None
        self._moves = moves
        return carla.WalkerControl(self._across * sign, self._behaviour.speed if moves else 0.0, False)

    def _wait(self) -> None:
        self._waited += 1
        if self._waited % self._second == 0 and self._rng.random() < self._behaviour.probability:
            self._goal = 0.0 if self._walked > self._stride / 2 else self._stride

    def _blocked(self, location: carla.Location, sign: float, ego: carla.Transform) -> bool:
        """Whether the next step would end at the flank of the ego, and start clear of it."""
        away = location - ego.location
        forward, right = ego.get_forward_vector(), ego.get_right_vector()
        if abs(away.x * forward.x + away.y * forward.y) > EGO_REACH[0]:
            return False
        aside = away.x * right.x + away.y * right.y
        step = sign * self._step * (self._across.x * right.x + self._across.y * right.y)
        return abs(aside + step) < min(EGO_REACH[1], abs(aside))
