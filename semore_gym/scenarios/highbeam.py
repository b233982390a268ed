"""HighBeam: a street at midnight, a cyclist ahead and dazzling headlights coming."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semore_gym.scenarios.base import Actor, Cruise, Location, Respawn, RoadPosition, Scenario

LOCATION = Location("street", "Town01", 12)
CYCLIST_S = (30.0, 35.0)  # [m]
ONCOMING_S = (15.0, 120.0)  # [m]
CAR_ROOM = 7.0  # that a car takes at the start [m]
ONCOMING_SPEED = (7.0, 11.0)  # [m/s]
CARS = ("vehicle.audi.a2", "vehicle.lincoln.mkz_2020", "vehicle.nissan.patrol_2021", "vehicle.tesla.model3")


@dataclass(frozen=True)
class HighBeam(Scenario):
    """Follow or pass a cyclist at night, against high beams.

    Args:
        oncoming: How many cars come towards the ego, 0 to 10.
        cyclist_speed: Slowest and fastest that the cyclist may be, up to 10 m/s.
    """

    location: Location = LOCATION
    ego_lanes: tuple[int, ...] = (-1,)
    ego_s: tuple[float, float] = (0.2, 2.2)  # [m]
    reward: str = "jaywalk"
    weather: str = "midnight"
    oncoming: int = 3
    cyclist_speed: tuple[float, float] = (3.0, 5.0)

    def __post_init__(self) -> None:
        if isinstance(self.oncoming, bool) or self.oncoming not in range(11):
            raise ValueError(f"oncoming must be an int from 0 to 10, got {self.oncoming!r}")
        slowest, fastest = self.cyclist_speed
        if not 0.0 < slowest <= fastest <= 10.0:
            raise ValueError(
                f"cyclist_speed must be (slowest, fastest) in (0, 10] m/s, got {self.cyclist_speed!r}"
            )

    def place(self, ego: RoadPosition, rng: np.random.Generator) -> tuple[Actor, ...]:
        """Put the cyclist ahead in the ego's lane and the cars into the other.

        Args:
            ego: Where the ego starts.
            rng: Source of every choice.

        Returns:
            The cyclist, then the cars.
        """
        cyclist = Actor(
            blueprint="vehicle.bh.crossbike",
            lane=-1,
            s=float(rng.uniform(*CYCLIST_S)),
            behaviour=Cruise(float(rng.uniform(*self.cyclist_speed))),
            offset=-0.5,
            respawn=Respawn(behind=30.0, ahead=(70.0, 120.0)),
        )
        step = (ONCOMING_S[1] - ONCOMING_S[0]) / max(self.oncoming, 1)
        return (cyclist, *(self._car(ONCOMING_S[0] + step * i, step, rng) for i in range(self.oncoming)))

    def _car(self, start: float, length: float, rng: np.random.Generator) -> Actor:
        """One car somewhere in the stretch of `length` [m] from `start` [m]."""
        s = start + float(rng.uniform(CAR_ROOM / 2, length - CAR_ROOM / 2))
        return Actor(
            blueprint=str(rng.choice(CARS)),
            lane=1,
            s=s,
            behaviour=Cruise(float(rng.uniform(*ONCOMING_SPEED))),
            lights="high",
            respawn=Respawn(behind=20.0, ahead=(130.0, 220.0)),
        )
