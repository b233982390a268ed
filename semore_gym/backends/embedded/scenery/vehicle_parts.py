"""What cars and lorries have in common: colours, wheels and lamps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from semore_gym.backends.embedded.blueprints import Body
from semore_gym.backends.embedded.scenery.mesh import Mesh
from semore_gym.tags import SemanticTag

Floats = npt.NDArray[np.float64]

GLASS = (0.10, 0.13, 0.17)
RUBBER = (0.07, 0.07, 0.08)
RIM = (0.58, 0.59, 0.61)
PLASTIC = (0.13, 0.13, 0.14)
LAMP_OFF = (0.80, 0.82, 0.80)
LAMP_ON = (1.0, 0.98, 0.88)
TAIL_OFF = (0.42, 0.04, 0.05)
TAIL_ON = (0.85, 0.06, 0.05)
BRAKE_ON = (1.0, 0.22, 0.16)


def tag_of(body: Body) -> SemanticTag:
    """The class of a vehicle's pixels."""
    return SemanticTag.TRUCK if body.kind == "truck" else SemanticTag.CAR


def add_wheels(mesh: Mesh, body: Body, axles: Sequence[float], radius: float, fine: bool) -> None:
    """Add wheels of some radius [m] on both sides of each axle, given by the body's length."""
    sides = 8 if fine else 4
    angle = np.linspace(0.0, 2.0 * np.pi, sides, endpoint=False) + np.pi / sides
    ring = np.column_stack([np.cos(angle), np.sin(angle)])
    tag = tag_of(body)
    for axle in axles:
        for side in (-1.0, 1.0):
            hub = np.array([axle * body.length, side * (body.width / 2 + 0.03), radius])
            if not fine:
                corner = [hub + np.array([x, 0.0, z]) * radius for x, z in ring * 1.1]
                mesh.add(corner if side < 0 else corner[::-1], RUBBER, tag)
                continue
            mesh.add(_disc(hub, ring * radius, side), RUBBER, tag)
            mesh.add(_disc(hub + np.array([0.0, side * 0.03, 0.0]), ring * radius * 0.6, side), RIM, tag)
            tread = np.array(
                [
                    [(hub[0] + x * radius, y, radius + z * radius) for y in (hub[1], hub[1] - side * 0.24)]
                    for x, z in (*ring, ring[0])
                ]
            )
            mesh.sheet(tread if side > 0 else tread[::-1], RUBBER, tag)


def _disc(hub: Floats, ring: Floats, side: float) -> Floats:
    """Triangles of an upright disc that faces to the left (side 1) or right."""
    edge = np.column_stack([hub[0] + ring[:, 0], np.full(len(ring), hub[1]), hub[2] + ring[:, 1]])
    following = np.roll(edge, -1, 0)
    if side > 0:
        edge, following = following, edge
    return np.stack([np.broadcast_to(hub, edge.shape), edge, following, following], axis=1)


def add_lamps(mesh: Mesh, body: Body, lights: Literal["off", "low", "high"], braking: bool) -> None:
    """Add head, tail and brake lamps."""
    tag = tag_of(body)
    side, half = body.width / 2, body.length / 2
    low, high = {"van": (0.75, 1.15), "lorry": (0.80, 1.05)}.get(
        body.shape, (0.40 * body.height, 0.53 * body.height)
    )
    tail = BRAKE_ON if braking else TAIL_ON if lights != "off" else TAIL_OFF
    head = LAMP_OFF if lights == "off" else LAMP_ON
    front, back = half + 0.015, -half - 0.05
    nose_low, nose_high = (0.30 * body.height, 0.41 * body.height) if body.kind == "car" else (0.65, 0.9)
    for s in (-1.0, 1.0):
        inner, outer = sorted((s * side * 0.48, s * side * 0.80))
        quad = [
            (front, inner, nose_low),
            (front, outer, nose_low),
            (front, outer, nose_high),
            (front, inner, nose_high),
        ]
        mesh.add(quad, head, tag, glow=lights != "off")
        inner, outer = sorted((s * side * 0.58, s * side * 0.88))
        quad = [(back, outer, low), (back, inner, low), (back, inner, high), (back, outer, high)]
        mesh.add(quad, tail, tag, glow=braking or lights != "off")
    if braking and body.kind == "car":
        z = body.height * 0.72
        mesh.add(
            [
                (back + 0.02, 0.2, z - 0.03),
                (back + 0.02, -0.2, z - 0.03),
                (back + 0.02, -0.2, z),
                (back + 0.02, 0.2, z),
            ],
            tail,
            tag,
            glow=True,
        )
