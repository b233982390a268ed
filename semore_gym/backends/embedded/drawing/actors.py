"""Road users as nodes of a scene."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from panda3d.core import GeomNode

from semore_gym.backends.embedded.actor_state import ActorState
from semore_gym.backends.embedded.blueprints import BODIES
from semore_gym.backends.embedded.scenery.mesh import Mesh, Shade
from semore_gym.backends.embedded.scenery.people import (
    PEDAL_CYCLE,
    STANDING,
    cyclist,
    pose_of,
    walk_cycle,
    walker,
)
from semore_gym.backends.embedded.scenery.shadow import SHADOW, shadow
from semore_gym.backends.embedded.scenery.vehicles import vehicle

FINE_RANGE = 18.0  # within which models are shown in detail at 128 pixels [m]
RANGE = 320.0  # within which they are shown at all [m]
TURNS = 8  # directions that the light on a model is baked for

Variant = tuple[Any, ...]  # what tells one look of a blueprint from another


class Actors:
    """The nodes of everybody in one episode.

    Args:
        scene: Where they are attached.
        shade: The light on them.
        detail: Factor on how far they are shown in detail.
    """

    def __init__(self, scene: Any, shade: Shade, detail: float) -> None:
        self._scene, self._shade = scene, shade
        self._fine_range = FINE_RANGE * detail
        self._nodes: dict[int, _Actor] = {}

    def place(self, actors: Sequence[ActorState], x: float, y: float) -> None:
        """Bring the nodes up to date for a camera at `x`, `y` [m]."""
        gone = self._nodes.keys() - {actor.id for actor in actors}
        for key in gone:
            self._nodes.pop(key).remove()
        for actor in actors:
            node = self._nodes.get(actor.id)
            if node is None:
                node = self._nodes[actor.id] = _Actor(self._scene, actor.id)
            distance = math.hypot(actor.x - x, actor.y - y)
            node.update(actor, distance, distance < self._fine_range, self._shade)


class _Actor:
    def __init__(self, scene: Any, order: int) -> None:
        self._node = GeomNode("actor")
        # Sorted by id: what is drawn first must not depend on who was seen first.
        self.path: Any = scene.attach_new_node(self._node, order)
        self._key: Variant = ()

    def update(self, actor: ActorState, distance: float, fine: bool, shade: Shade) -> None:
        if distance > RANGE:
            self.path.hide()
            return
        self.path.show()
        self.path.set_pos_hpr(*pose(actor))
        key = (actor.blueprint, actor.color, variant(actor, fine), _turn(actor.heading))
        if key != self._key:
            self._key = key
            self._node.remove_all_geoms()
            self._node.add_geom(shadow(actor.blueprint), SHADOW)
            self._node.add_geom(model(*key, shade))

    def remove(self) -> None:
        self.path.remove_node()


def pose(actor: ActorState) -> tuple[float, float, float, float, float, float]:
    """Panda3D's x, y, z, h, p, r of a model whose nose is along x."""
    degrees = math.degrees
    return actor.x, actor.y, actor.z, degrees(actor.heading), degrees(actor.roll), -degrees(actor.pitch)


def variant(actor: ActorState, fine: bool) -> Variant:
    """What of a road user, beside its blueprint and colour, changes how its model looks."""
    body = BODIES[actor.blueprint]
    if body.kind == "walker":
        return (pose_of(actor.phase, walk_cycle(body)) if actor.moving else STANDING,)
    if body.kind == "bicycle":
        return (pose_of(actor.phase, PEDAL_CYCLE),)
    return actor.lights, actor.braking, fine


def _turn(heading: float) -> int:
    return round(heading / (2.0 * math.pi) * TURNS) % TURNS


@lru_cache(maxsize=4096)
def model(blueprint: str, color: int, look: Variant, turn: int, shade: Shade) -> Any:
    """A model with the light of the world baked in, as it falls on it when it heads that way."""
    angle = -2.0 * math.pi * turn / TURNS
    x, y, z = shade.toward_sun
    turned = (x * math.cos(angle) - y * math.sin(angle), x * math.sin(angle) + y * math.cos(angle), z)
    return _mesh(blueprint, color, look).geom(Shade(turned, shade.sun, shade.ambient, shade.bounce))


@lru_cache(maxsize=1024)
def _mesh(blueprint: str, color: int, look: Variant) -> Mesh:
    body = BODIES[blueprint]
    if body.kind == "walker":
        return walker(body, color, *look)
    if body.kind == "bicycle":
        return cyclist(body, color, *look)
    return vehicle(body, color, *look)
