"""HighWay: an eight-lane divided highway in the hills, with traffic in front."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semore_gym.scenarios.base import Actor, Cruise, Location, Respawn, RoadPosition, Scenario

LOCATION = Location("highway", "Town04", 45)
SPEED_LIMIT = 25.0  # [m/s]
TRAFFIC_S = (115.0, 300.0)  # where traffic starts [m]
SPACING = 18.0  # between the middles of two vehicles in a lane, at the start [m]
BLUEPRINTS = (
    "vehicle.audi.a2",
    "vehicle.lincoln.mkz_2020",
    "vehicle.nissan.patrol_2021",
    "vehicle.tesla.model3",
    "vehicle.mercedes.sprinter",
    "vehicle.carlamotors.european_hgv",
)


@dataclass(frozen=True)
class HighWay(Scenario):
    """Get far on a busy highway without hitting anybody.

    Args:
        vehicles: How many others, 1 to 30.
        speed_change: Lowest and highest wanted speed of the others, as a fraction above (negative: below)
            the speed limit of 25 m/s.
        lane_changes: Whether they change lanes.
    """

    location: Location = LOCATION
    ego_lanes: tuple[int, ...] = (-1, -2, -3, -4)
    ego_s: tuple[float, float] = (100.0, 110.0)  # [m]
    reward: str = "highway"
    vehicles: int = 10
    speed_change: tuple[float, float] = (-0.6, -0.3)
    lane_changes: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.vehicles, bool) or self.vehicles not in range(1, 31):
            raise ValueError(f"vehicles must be an int from 1 to 30, got {self.vehicles!r}")
        low, high = self.speed_change
        if not -1.0 < low <= high <= 1.0:
            raise ValueError(
                f"speed_change must be (low, high) with -1 < low <= high <= 1, got {(low, high)}"
            )

    def place(self, ego: RoadPosition, rng: np.random.Generator) -> tuple[Actor, ...]:
        """Spread the traffic over the lanes ahead of the ego.

        Args:
            ego: Where the ego starts.
            rng: Source of every choice.

        Returns:
            The other vehicles.
        """
        along = np.arange(TRAFFIC_S[0] + SPACING / 2, TRAFFIC_S[1] - SPACING / 2, SPACING)
        slots = [(lane, float(s)) for lane in self.ego_lanes for s in along]
        chosen = rng.choice(len(slots), size=self.vehicles, replace=False)
        return tuple(self._vehicle(slots[i], rng) for i in chosen)

    def _vehicle(self, slot: tuple[int, float], rng: np.random.Generator) -> Actor:
        lane, s = slot
        speed = SPEED_LIMIT * (1.0 + float(rng.uniform(*self.speed_change)))
        jitter = float(rng.uniform(-3.0, 3.0))
        return Actor(
            blueprint=str(rng.choice(BLUEPRINTS)),
            lane=lane,
            s=s + jitter,
            behaviour=Cruise(speed, min_gap=2.0, lane_changes=self.lane_changes),
            respawn=Respawn(behind=60.0, ahead=(150.0, 300.0)),
        )
