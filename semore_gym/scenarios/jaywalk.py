"""JayWalk: a street where people cross without looking."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from semore_gym.scenarios.base import Actor, Cross, Location, Respawn, RoadPosition, Scenario, Stand

LOCATION = Location("street", "Town01", 12)
GROUPS = (20.0, 100.0, *(float(s) for s in range(140, 460, 40)))  # where people stand together, s [m]
GROUP_STEP = 0.7  # between neighbours in a group, so that nobody walks through anybody else [m]
PARKED_S = (28.0, 95.0)  # where cars park [m]
CAR_ROOM = 6.0  # that a parked car takes [m]
PARKED_ASIDE = 3.1  # from the middle of a lane to that of a parked car, none of which reaches into it [m]
SIDEWALKS = (-3, 3)
KERB_OFFSET = 0.85  # from the middle of a sidewalk towards the road, to stand at the kerb [m]
WALKERS = ("walker.pedestrian.0001", "walker.pedestrian.0002")
PARKED = ("vehicle.audi.a2", "vehicle.lincoln.mkz_2020", "vehicle.nissan.patrol_2021")


@dataclass(frozen=True)
class JayWalk(Scenario):
    """Drive down a street without hitting the people who cross it.

    Args:
        walkers: Fewest and most people, each from 1 to 30.
        walker_speed: Slowest and fastest of them, up to 8 m/s.
        standing: Share of them who never leave the kerb, in [0, 1].
        crossing: Chance that somebody at the kerb sets off, each second, in [0, 1].
        parked: How many cars stand at the roadside, 0 to 10.
    """

    location: Location = LOCATION
    ego_lanes: tuple[int, ...] = (-1,)
    ego_s: tuple[float, float] = (0.2, 2.2)  # [m]
    reward: str = "jaywalk"
    walkers: tuple[int, int] = (4, 8)
    walker_speed: tuple[float, float] = (1.0, 3.0)
    standing: float = 0.2
    crossing: float = 0.5
    parked: int = 4

    def __post_init__(self) -> None:
        fewest, most = self.walkers
        if not 1 <= fewest <= most <= 30:
            raise ValueError(f"walkers must be (fewest, most) from 1 to 30, got {self.walkers!r}")
        slowest, fastest = self.walker_speed
        if not 0.0 < slowest <= fastest <= 8.0:
            raise ValueError(
                f"walker_speed must be (slowest, fastest) in (0, 8] m/s, got {self.walker_speed!r}"
            )
        for name in ("standing", "crossing"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must be in [0, 1], got {getattr(self, name)!r}")
        if isinstance(self.parked, bool) or self.parked not in range(11):
            raise ValueError(f"parked must be an int from 0 to 10, got {self.parked!r}")

    def place(self, ego: RoadPosition, rng: np.random.Generator) -> tuple[Actor, ...]:
        """Put people in groups at both kerbs and cars at the roadside.

        Args:
            ego: Where the ego starts.
            rng: Source of every choice.

        Returns:
            The walkers, then the parked cars.
        """
        count = int(rng.integers(self.walkers[0], self.walkers[1], endpoint=True))
        standing = set(rng.permutation(count)[: int(self.standing * count)].tolist())
        people = [self._walker(i, i in standing, rng) for i in range(count)]
        step = (PARKED_S[1] - PARKED_S[0]) / max(self.parked, 1)
        slack = (step - CAR_ROOM) / 2
        cars = [
            self._car(PARKED_S[0] + step * (i + 0.5) + float(rng.uniform(-slack, slack)), rng)
            for i in range(self.parked)
        ]
        return (*people, *cars)

    def _walker(self, i: int, stands: bool, rng: np.random.Generator) -> Actor:
        side = int(rng.choice(SIDEWALKS))
        speed = float(rng.uniform(*self.walker_speed))
        # the first six stand in the first two groups, three in each, the others further along
        pair, index = divmod(i, 6)
        s = GROUPS[2 * pair + index % 2] + GROUP_STEP * (index // 2) + float(rng.uniform(0.0, 0.15))
        return Actor(
            blueprint=str(rng.choice(WALKERS)),
            lane=side,
            s=s,
            behaviour=Stand() if stands else Cross(speed, self.crossing),
            offset=-KERB_OFFSET if side > 0 else KERB_OFFSET,
            respawn=Respawn(behind=12.0, ahead=(55.0, 110.0)),
        )

    def _car(self, s: float, rng: np.random.Generator) -> Actor:
        blueprint, lane = str(rng.choice(PARKED)), int(rng.choice((-1, 1)))
        return Actor(
            blueprint=blueprint,
            lane=lane,
            s=s,
            behaviour=Stand(),
            offset=PARKED_ASIDE * lane,
            respawn=Respawn(behind=30.0, ahead=(80.0, 160.0)),
        )
