"""Cars, vans and lorries, built of a few dozen quadrilaterals.

Every model stands on its origin, its nose along x, its left along y.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from semore_gym.backends.embedded.blueprints import Body
from semore_gym.backends.embedded.scenery.mesh import Mesh
from semore_gym.backends.embedded.scenery.trucks import add_lorry, add_van
from semore_gym.backends.embedded.scenery.vehicle_parts import (
    GLASS,
    PLASTIC,
    Floats,
    add_lamps,
    add_wheels,
    tag_of,
)
from semore_gym.tags import SemanticTag

PAINTS = (
    (0.80, 0.10, 0.10),
    (0.90, 0.90, 0.88),
    (0.13, 0.22, 0.52),
    (0.60, 0.62, 0.65),
    (0.10, 0.10, 0.12),
    (0.92, 0.72, 0.12),
    (0.16, 0.42, 0.28),
    (0.36, 0.55, 0.74),
    (0.42, 0.14, 0.16),
    (0.86, 0.43, 0.12),
)
Station = tuple[float, float, float]  # along / length, height / height, half width / half width


@dataclass(frozen=True)
class Outline:
    """A car's side view, from tail to nose; fractions of the body's box."""

    hull: tuple[Station, ...]  # the painted upper edge of the lower body
    cabin: tuple[Station, ...]  # the glass and the roof upon it: foot, roof, roof, foot
    wheels: tuple[float, float]  # where the axles are
    radius: float  # radius of a wheel [m]


OUTLINES = {
    "sedan": Outline(
        ((-0.5, 0.60, 0.86), (-0.42, 0.66, 0.97), (0.22, 0.63, 1.0), (0.44, 0.52, 0.95), (0.5, 0.42, 0.80)),
        ((-0.40, 0.65, 0.88), (-0.22, 1.0, 0.66), (0.06, 1.0, 0.68), (0.24, 0.64, 0.90)),
        (-0.30, 0.31),
        0.33,
    ),
    "hatchback": Outline(
        ((-0.5, 0.58, 0.90), (-0.45, 0.62, 0.98), (0.28, 0.60, 1.0), (0.46, 0.50, 0.93), (0.5, 0.40, 0.78)),
        ((-0.49, 0.60, 0.90), (-0.38, 0.98, 0.72), (0.08, 1.0, 0.72), (0.31, 0.60, 0.90)),
        (-0.32, 0.33),
        0.30,
    ),
    "suv": Outline(
        ((-0.5, 0.58, 0.94), (-0.46, 0.62, 1.0), (0.22, 0.62, 1.0), (0.46, 0.56, 0.96), (0.5, 0.46, 0.86)),
        ((-0.49, 0.60, 0.95), (-0.43, 0.98, 0.82), (0.08, 1.0, 0.82), (0.21, 0.61, 0.95)),
        (-0.31, 0.31),
        0.38,
    ),
}


def vehicle(body: Body, color: int, lights: Literal["off", "low", "high"], braking: bool, fine: bool) -> Mesh:
    """The model of a car, van or lorry.

    Args:
        body: Its box and shape.
        color: Index into `PAINTS`, taken modulo its length.
        lights: Of its headlamps; its tail lamps follow.
        braking: Whether its brake lamps are lit.
        fine: With wheels, lamps and windows in detail, or for the distance.
    """
    paint = PAINTS[color % len(PAINTS)]
    mesh = Mesh()
    builders: dict[str, Callable[[Mesh, Body, Sequence[float], bool], None]] = {
        "van": add_van,
        "lorry": add_lorry,
    }
    builders.get(body.shape, _car)(mesh, body, paint, fine)
    add_lamps(mesh, body, lights, braking)
    return mesh


def _car(mesh: Mesh, body: Body, paint: Sequence[float], fine: bool) -> None:
    outline = OUTLINES[body.shape]
    size = np.array([body.length, body.height, body.width / 2])
    hull = np.array(outline.hull) * size
    cabin = np.array(outline.cabin) * size
    tag, floor = tag_of(body), 0.22
    _loft(mesh, hull, floor, paint, tag)
    mesh.add(_across(hull[[0]], floor)[:, ::-1], np.multiply(paint, 0.9), tag)
    mesh.add(_across(hull[[-1]], floor), np.multiply(paint, 0.9), tag)
    glass = np.asarray(GLASS)
    rear, roof, front = (_top(cabin[i : i + 2]) for i in range(3))
    mesh.add(np.concatenate([rear, front]), glass, tag)
    mesh.add(roof, paint, tag)
    left, right = _sides(cabin)
    mesh.add(np.concatenate([left, right]), glass, tag)
    if fine:
        _pillars(mesh, cabin, paint, tag)
        _bumpers(mesh, hull, tag)
    add_wheels(mesh, body, outline.wheels, outline.radius, fine)


def _loft(mesh: Mesh, hull: Floats, floor: float, paint: Sequence[float], tag: SemanticTag) -> None:
    """Bonnet, boot and flanks between the stations of a hull."""
    for i in range(len(hull) - 1):
        (x0, z0, w0), (x1, z1, w1) = hull[i], hull[i + 1]
        mesh.add([(x0, -w0, z0), (x1, -w1, z1), (x1, w1, z1), (x0, w0, z0)], paint, tag)
        mesh.add([(x0, -w0, floor), (x1, -w1, floor), (x1, -w1, z1), (x0, -w0, z0)], paint, tag)
        mesh.add([(x1, w1, floor), (x0, w0, floor), (x0, w0, z0), (x1, w1, z1)], paint, tag)


def _across(station: Floats, floor: float) -> Floats:
    """The upright face across a hull at one station, facing along x."""
    ((x, z, w),) = station
    return np.array([[(x, -w, floor), (x, w, floor), (x, w, z), (x, -w, z)]])


def _top(pair: Floats) -> Floats:
    (x0, z0, w0), (x1, z1, w1) = pair
    return np.array([[(x0, -w0, z0), (x1, -w1, z1), (x1, w1, z1), (x0, w0, z0)]])


def _sides(cabin: Floats) -> tuple[Floats, Floats]:
    """The side windows of a cabin, left and right."""
    left = np.array([[(x, w, z) for x, z, w in cabin]])
    right = np.array([[(x, -w, z) for x, z, w in cabin]])[:, [0, 3, 2, 1]]
    return left, right


def _pillars(mesh: Mesh, cabin: Floats, paint: Sequence[float], tag: SemanticTag) -> None:
    """Painted strips between the windows: in the middle and at the corners of the cabin."""
    (x0, z0, w0), (x1, z1, w1), (x2, z2, w2), (x3, z3, w3) = cabin
    for side in (-1.0, 1.0):
        low, high = side * (w0 + w3) / 2, side * (w1 + w2) / 2
        lift = side * 0.03
        strips = [
            ((x0 + x3) / 2 + 0.03, (x1 + x2) / 2, low, high, z0, z1, 0.10),
            (x0, x1, side * w0, side * w1, z0, z1, 0.12),
            (x3 - 0.08, x2 - 0.08, side * w3, side * w2, z3, z2, 0.08),
        ]
        for foot, top, y0, y1, low_z, high_z, wide in strips:
            quad = [
                (foot, y0 + lift, low_z),
                (foot + wide, y0 + lift, low_z),
                (top + wide, y1 + lift, high_z),
                (top, y1 + lift, high_z),
            ]
            mesh.add(quad if side < 0 else quad[::-1], paint, tag)


def _bumpers(mesh: Mesh, hull: Floats, tag: SemanticTag) -> None:
    (x0, _, w0), (x1, _, w1) = hull[0], hull[-1]
    mesh.box((x0 - 0.03, -w0, 0.22), (x0 + 0.05, w0, 0.42), PLASTIC, tag)
    mesh.box((x1 - 0.05, -w1, 0.22), (x1 + 0.03, w1, 0.40), PLASTIC, tag)
    plate = (0.85, 0.85, 0.80)
    mesh.box((x0 - 0.045, -0.26, 0.46), (x0, 0.26, 0.58), plate, tag)
