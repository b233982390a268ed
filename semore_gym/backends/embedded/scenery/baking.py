"""All that stands still along a road, baked for one light and shared by every renderer of the process."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from semore_gym.backends.embedded.roads import Road
from semore_gym.backends.embedded.scenery.highway import GRASS, highway_ground, highway_objects
from semore_gym.backends.embedded.scenery.mesh import Mesh, Shade
from semore_gym.backends.embedded.scenery.plants import hills
from semore_gym.backends.embedded.scenery.ribbon import LEAD_IN, Ribbon
from semore_gym.backends.embedded.scenery.street import LAWN, street_ground, street_objects
from semore_gym.tags import SemanticTag

STRETCH = 50.0  # length of road that is built, shown and culled at once [m]
FINE_STEP, COARSE_STEP = 8.34, 25.0  # length of the pieces of its surfaces [m]
PLAIN = 1500.0  # half the side of the plain ground below all [m]


@dataclass(frozen=True)
class Look:
    """How one road's surroundings are built."""

    ground: Callable[..., Mesh]
    objects: Callable[..., Mesh]
    plain: tuple[float, float, float]  # colour of the ground far from the road
    hills: float  # height of the hills [m]


LOOKS = {
    "street": Look(street_ground, street_objects, LAWN, 22.0),
    "highway": Look(highway_ground, highway_objects, GRASS, 42.0),
}


@dataclass(frozen=True)
class Baked:
    """Panda3D Geoms of one stretch of road."""

    ground: Any
    objects: Any


class Scenery:
    """A road's surroundings; stretches are built when they are first asked for.

    Args:
        road: The road; its name seeds whatever is random.
        shade: The light that is baked in.
        night: Whether lamps and windows are lit.
    """

    def __init__(self, road: Road, shade: Shade, night: bool) -> None:
        self._road = road
        self._look = LOOKS[road.name]
        self._seed = zlib.crc32(road.name.encode())
        self._ribbon = Ribbon(road)
        self._shade, self._night = shade, night
        self._stretches: dict[tuple[int, bool], Baked] = {}
        count = int(np.ceil(road.length / STRETCH))
        self.centers = self._ribbon.points((np.arange(count) + 0.5) * STRETCH, 0.0)[:, :2]
        self.hills = hills(np.random.default_rng(self._seed), self._look.hills).geom(shade)
        plain = Mesh()
        plain.add(
            PLAIN * np.array([(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)]),
            self._look.plain,
            SemanticTag.TERRAIN,
        )
        self.plain = plain.geom(shade)

    def stretch(self, index: int, fine: bool) -> Baked:
        """Stretch number `index`, in detail or for the distance."""
        key = (index, fine)
        if key not in self._stretches:
            self._stretches[key] = self._build(index, fine)
        return self._stretches[key]

    def _build(self, index: int, fine: bool) -> Baked:
        start, end = index * STRETCH, min((index + 1) * STRETCH, self._road.length)
        part = self._ribbon.stretch(start, end, FINE_STEP if fine else COARSE_STEP)
        rngs = (np.random.default_rng([self._seed, index, layer]) for layer in range(3))
        ground = self._look.ground(part, next(rngs), fine)
        objects = self._look.objects(part, next(rngs), fine, self._night)
        if index == 0:
            before = self._ribbon.stretch(-LEAD_IN, 0.0, LEAD_IN)
            ground.merge(self._look.ground(before, next(rngs), fine))
        return Baked(ground.geom(self._shade), objects.geom(self._shade))


@lru_cache(maxsize=16)
def scenery(road: Road, shade: Shade, night: bool) -> Scenery:
    """The surroundings of a road in some light, built once a process."""
    return Scenery(road, shade, night)
