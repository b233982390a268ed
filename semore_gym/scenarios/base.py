"""A scenario as data: where, who, what weather, which reward.

Lanes, `s` and signs are OpenDRIVE's: `s` in metres along the reference line, lane ids negative in the
ego's direction with -1 next to the centre line, lateral offsets positive to the left.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import numpy as np

from semore_gym.scenarios.weather import WEATHERS, Weather


@dataclass(frozen=True)
class Cruise:
    """Drives along its lane, keeping a gap to whoever is ahead."""

    speed: float  # the speed that it wants when the road is free [m/s]
    min_gap: float = 2.0  # the gap that it keeps to its leader at standstill [m]
    lane_changes: bool = False


@dataclass(frozen=True)
class Cross:
    """A walker who waits at the kerb, crosses without looking, turns round at the other kerb."""

    speed: float  # how fast it walks [m/s]
    probability: float = 0.5  # the probability that it sets off, each second


@dataclass(frozen=True)
class Stand:
    """Does not move: a parked car, a person waiting."""


@dataclass(frozen=True)
class Respawn:
    """When an actor is out of the ego's reach it is placed again, so that the road never runs empty."""

    behind: float  # how far behind the ego it must have fallen [m]
    ahead: tuple[float, float]  # where it is placed again, ahead of the ego [m]


@dataclass(frozen=True)
class Actor:
    """One other road user, at its place at the start."""

    blueprint: str  # a CARLA blueprint id
    lane: int
    s: float  # [m]
    behaviour: Cruise | Cross | Stand
    offset: float = 0.0  # distance from the lane's centre, positive = left [m]
    lights: Literal["off", "low", "high"] = "off"
    respawn: Respawn | None = None


@dataclass(frozen=True)
class RoadPosition:
    """A lane of a road, and how far along it."""

    lane: int
    s: float  # [m]


@dataclass(frozen=True)
class Location:
    """One stretch of road as each simulator knows it."""

    embedded: str  # name of an embedded road
    carla_map: str
    carla_road: int


@dataclass(frozen=True)
class Episode:
    """A scenario with every choice made: all that a backend needs."""

    location: Location
    ego: RoadPosition
    actors: tuple[Actor, ...]
    weather: Weather
    seed: int  # seed of everything that the simulator draws while the episode runs


@dataclass(frozen=True)
class Scenario(ABC):
    """Base of all scenarios; a subclass gives its defaults and places its actors.

    Its fields are the options that `gym.make(..., scenario_options={...})` accepts.
    """

    location: Location
    ego_lanes: tuple[int, ...]
    ego_s: tuple[float, float]  # drawn uniformly from this range [m]
    reward: str  # name of a reward in `semore_gym.envs.reward.REWARDS`
    weather: str = "cloudy_noon"

    @abstractmethod
    def place(self, ego: RoadPosition, rng: np.random.Generator) -> tuple[Actor, ...]:
        """Draw the other actors of one episode, none of them on top of the ego or of each other."""

    def episode(self, rng: np.random.Generator) -> Episode:
        """Draw one episode; the same generator state gives the same episode."""
        ego = RoadPosition(int(rng.choice(self.ego_lanes)), float(rng.uniform(*self.ego_s)))
        actors = self.place(ego, rng)
        return Episode(self.location, ego, actors, WEATHERS[self.weather], int(rng.integers(2**31)))
