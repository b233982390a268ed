"""The scene of one episode: backdrop, the stretches of road in sight, and everybody on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from panda3d.core import BitMask32, GeomNode

from semore_gym.backends.embedded.actor_state import ActorState
from semore_gym.backends.embedded.drawing.actors import Actors
from semore_gym.backends.embedded.drawing.daylight import Daylight
from semore_gym.backends.embedded.drawing.sky import sky_node
from semore_gym.backends.embedded.roads import Road
from semore_gym.backends.embedded.scenery.baking import STRETCH, scenery

FINE_RANGE = 52.0  # to the middle of a stretch of road that is shown in detail at 128 pixels [m]
RANGE = 330.0  # to the middle of one that is shown at all [m]
BEHIND = 55.0  # how far behind the ego its middle may be [m]
CELL, CELL_TURN = 5.0, 0.1  # steps of place [m] and heading [rad] in which that is looked at
OPAQUE = 6.0  # optical depth of haze that nothing is seen through
EYE = 1.7  # height of the horizon of the sky's dome [m]

ROOF_MASK, CHASE_MASK = BitMask32.bit(0), BitMask32.bit(1)  # the ego's body is hidden from the first


class Stage:
    """Nodes below one root, brought up to date for each state that is drawn.

    Args:
        root: Where they are attached.
        road: What the scenery stands along.
        light: The weather's light.
        width: Of the roof camera's picture, which decides what is shown in detail [px].
    """

    def __init__(self, root: Any, road: Road, light: Daylight, width: int) -> None:
        detail = min(max(width / 128.0, 1.0), 3.0)
        self._root: Any = root.attach_new_node("stage")
        # In the order of the scene: Panda3D's own sorts by addresses in memory, and on an edge the last wins.
        self._root.set_bin("unsorted", 0)
        self._night = light.night
        self._scenery = scenery(road, light.shade, light.night)
        self._fine_range = FINE_RANGE * detail
        self._range = min(RANGE, OPAQUE / light.extinction + STRETCH)
        self._stretches: dict[tuple[int, bool], Any] = {}
        self._cell: tuple[int, int, int] | None = None
        self._backdrop = self._make_backdrop(light)
        self._actors = Actors(self._root, light.shade, detail)
        own: Any = self._root.attach_new_node("own")
        own.hide(ROOF_MASK)
        self._own = Actors(own, light.shade, detail)

    def place(self, ego: ActorState, actors: Sequence[ActorState]) -> None:
        """Show what surrounds the ego."""
        self._backdrop.set_pos(ego.x, ego.y, 0.0)
        self._show_stretches(ego)
        self._actors.place(actors, ego.x, ego.y)
        self._own.place([replace(ego, lights="low") if self._night else ego], ego.x, ego.y)

    def remove(self) -> None:
        """Take everything off the scene."""
        self._root.remove_node()

    def _show_stretches(self, ego: ActorState) -> None:
        # In steps, so that most frames need not ask; what is shown still depends on the place alone.
        cell = round(ego.x / CELL), round(ego.y / CELL), round(ego.heading / CELL_TURN)
        if cell == self._cell:
            return
        self._cell = cell
        offset = self._scenery.centers - (cell[0] * CELL, cell[1] * CELL)
        away = np.hypot(offset[:, 0], offset[:, 1])
        ahead = offset @ (math.cos(cell[2] * CELL_TURN), math.sin(cell[2] * CELL_TURN))
        seen = np.flatnonzero((away < self._range) & (ahead > -BEHIND))
        wanted = {(int(i), bool(away[i] < self._fine_range)) for i in seen}
        for key in self._stretches.keys() - wanted:
            self._stretches.pop(key).remove_node()
        for index, fine in wanted - self._stretches.keys():
            stretch = self._scenery.stretch(index, fine)
            # Sorted by place: the order of drawing must not depend on where the ego came from.
            holder = self._stretches[index, fine] = self._root.attach_new_node("stretch", index)
            _attach(holder, stretch.objects)
            _paint(_attach(holder, stretch.ground), 30)

    def _make_backdrop(self, light: Daylight) -> Any:
        backdrop = self._root.attach_new_node("backdrop")
        sky = backdrop.attach_new_node(sky_node(light))
        sky.set_z(EYE)
        sky.set_depth_write(False)
        _paint(sky, 0)
        _paint(_attach(backdrop, self._scenery.hills), 10)
        _paint(_attach(backdrop, self._scenery.plain), 20)
        return backdrop


def _attach(parent: Any, geom: Any) -> Any:
    node = GeomNode("geom")
    node.add_geom(geom)
    return parent.attach_new_node(node)


def _paint(path: Any, order: int) -> None:
    """Draw something level or far in its turn, over whatever was there; all else is drawn later."""
    path.set_bin("background", order)
    path.set_depth_test(False)
