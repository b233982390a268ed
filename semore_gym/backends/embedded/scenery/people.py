"""Walkers and a cyclist on a bicycle; they stand on their origin and face along x."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from semore_gym.backends.embedded.blueprints import Body
from semore_gym.backends.embedded.scenery.mesh import Mesh
from semore_gym.tags import SemanticTag

POSES = 8  # of a walk's or a pedal's cycle
STANDING = -1
PEDAL_CYCLE = 5.5  # distance ridden in one turn of the pedals [m]

SKINS = ((0.95, 0.76, 0.64), (0.80, 0.58, 0.44), (0.52, 0.35, 0.25), (0.36, 0.24, 0.18))
HAIRS = ((0.12, 0.09, 0.07), (0.35, 0.22, 0.12), (0.62, 0.46, 0.24), (0.45, 0.45, 0.46))
TOPS = (
    (0.85, 0.18, 0.18),
    (0.16, 0.36, 0.72),
    (0.92, 0.90, 0.86),
    (0.95, 0.75, 0.18),
    (0.20, 0.52, 0.32),
    (0.55, 0.25, 0.55),
    (0.92, 0.50, 0.16),
    (0.18, 0.18, 0.22),
    (0.45, 0.72, 0.80),
)
TROUSERS = (
    (0.14, 0.17, 0.30),
    (0.10, 0.10, 0.11),
    (0.45, 0.38, 0.28),
    (0.30, 0.32, 0.35),
    (0.26, 0.38, 0.56),
)
SHOES = (0.10, 0.08, 0.08)
FRAME = (0.85, 0.30, 0.10)
TYRE = (0.08, 0.08, 0.09)
METAL = (0.55, 0.56, 0.58)
REFLECTOR = (0.85, 0.06, 0.05)
HELMET = (0.92, 0.92, 0.35)

Point = npt.NDArray[np.float64]


def pose_of(phase: float, cycle: float) -> int:
    """The pose of someone who has gone `phase` metres with `cycle` metres a cycle."""
    return int(phase / cycle * POSES) % POSES


def walk_cycle(body: Body) -> float:
    """Length of two steps [m]."""
    return 0.8 * body.height


def walker(body: Body, color: int, pose: int) -> Mesh:
    """The model of a walker.

    Args:
        body: Its box.
        color: Chooses skin, hair and clothes.
        pose: 0 to POSES - 1 of a walk, or STANDING.
    """
    skin, hair, top, trousers = _looks(color)
    tag, h = SemanticTag.PEDESTRIAN, body.height
    swing = 0.0 if pose == STANDING else 0.55 * math.sin(2.0 * math.pi * pose / POSES)
    mesh = Mesh()
    hip, shoulder = 0.50 * h, 0.80 * h
    for side, angle in ((1.0, swing), (-1.0, -swing)):
        top_of_leg = np.array([0.0, side * 0.055 * h, hip])
        knee = top_of_leg + 0.26 * h * np.array([math.sin(angle), 0.0, -math.cos(angle)])
        bend = angle - (0.5 * max(0.0, -angle) if pose != STANDING else 0.0)
        foot = knee + 0.24 * h * np.array([math.sin(bend), 0.0, -math.cos(bend)])
        _limb(mesh, top_of_leg, knee, 0.050 * h, trousers, tag)
        _limb(mesh, knee, foot, 0.040 * h, trousers, tag)
        mesh.box(_by(foot, -0.03 * h, -0.03 * h, -0.01), _by(foot, 0.10 * h, 0.03 * h, 0.04 * h), SHOES, tag)
        arm = np.array([0.0, side * 0.135 * h, shoulder - 0.01 * h])
        elbow = arm + 0.17 * h * np.array([math.sin(-angle * 0.8), 0.0, -math.cos(angle * 0.8)])
        hand = elbow + 0.16 * h * np.array(
            [math.sin(-angle * 0.8 + 0.25), 0.0, -math.cos(angle * 0.8 - 0.25)]
        )
        _limb(mesh, arm, elbow, 0.035 * h, top, tag)
        _limb(mesh, elbow, hand, 0.030 * h, skin, tag)
    _trunk(mesh, np.array([0.0, 0.0, 0.47 * h]), np.array([0.0, 0.0, 0.83 * h]), h, top, tag)
    _head(mesh, np.array([0.01 * h, 0.0, 0.925 * h]), h, skin, hair, tag)
    return mesh


def cyclist(body: Body, color: int, pose: int) -> Mesh:
    """The model of a bicycle and its rider.

    Args:
        body: The box of both.
        color: Chooses skin and clothes.
        pose: 0 to POSES - 1 of the pedals' turn.
    """
    skin, _, top, trousers = _looks(color)
    mesh, tag = Mesh(), SemanticTag.BICYCLE
    reach = body.length / 2 - 0.31
    rear, front = np.array([-reach, 0.0, 0.33]), np.array([reach, 0.0, 0.33])
    crank, seat, bars = (
        np.array([-0.05, 0.0, 0.30]),
        np.array([-0.22, 0.0, 0.92]),
        np.array([0.32, 0.0, 1.02]),
    )
    neck = np.array([0.34, 0.0, 0.82])
    for hub in (rear, front):
        _wheel(mesh, hub, 0.33, tag)
    for a, b in (
        (rear, crank),
        (crank, seat),
        (_by(seat, 0, 0, -0.1), neck),
        (crank, neck),
        (neck, front),
        (rear, seat),
    ):
        _limb(mesh, a, b, 0.028, FRAME, tag)
    _limb(mesh, neck, bars, 0.025, METAL, tag)
    _limb(mesh, _by(bars, 0, -0.26, 0), _by(bars, 0, 0.26, 0), 0.025, METAL, tag)
    mesh.box(_by(seat, -0.14, -0.07, -0.02), _by(seat, 0.12, 0.07, 0.04), SHOES, tag)
    mesh.box(_by(seat, -0.30, -0.07, -0.24), _by(seat, -0.22, 0.07, -0.10), REFLECTOR, tag)
    _rider(mesh, seat, bars, crank, pose, (skin, top, trousers), body.height)
    return mesh


def _rider(
    mesh: Mesh,
    seat: Point,
    bars: Point,
    crank: Point,
    pose: int,
    colors: Sequence[Sequence[float]],
    height: float,
) -> None:
    skin, top, trousers = colors
    tag = SemanticTag.RIDER
    turn = 2.0 * math.pi * pose / POSES
    shoulders = np.array([0.10, 0.0, height - 0.38])
    for side, angle in ((1.0, turn), (-1.0, turn + math.pi)):
        foot = crank + np.array([0.17 * math.sin(angle), side * 0.12, 0.17 * math.cos(angle)])
        hip = seat + np.array([0.0, side * 0.10, 0.06])
        knee = (hip + foot) / 2 + np.array([0.24, 0.0, 0.10])
        _limb(mesh, hip, knee, 0.075, trousers, tag)
        _limb(mesh, knee, foot, 0.055, trousers, tag)
        mesh.box(_by(foot, -0.08, -0.04, -0.05), _by(foot, 0.16, 0.04, 0.03), SHOES, tag)
        arm = _by(shoulders, 0.0, side * 0.20, 0.0)
        _limb(mesh, arm, _by(bars, 0.0, side * 0.24, 0.04), 0.05, top, tag)
        hand = _by(bars, 0.0, side * 0.24, 0.04)
        mesh.box(hand - 0.04, hand + 0.04, skin, tag)
    _trunk(mesh, _by(seat, 0.0, 0.0, 0.05), _by(shoulders, 0.0, 0.0, 0.06), 1.75, top, tag)
    _head(mesh, _by(shoulders, 0.10, 0.0, 0.24), 1.75, skin, HELMET, tag)


def _looks(color: int) -> tuple[Sequence[float], ...]:
    """Skin, hair, top and trousers of somebody; neighbouring numbers look different."""
    return (
        SKINS[(color * 3 + color // 7) % len(SKINS)],
        HAIRS[(color * 5 + color // 3) % len(HAIRS)],
        TOPS[color % len(TOPS)],
        TROUSERS[(color * 2 + color // 5) % len(TROUSERS)],
    )


def _by(place: Point, x: float, y: float, z: float) -> Point:
    """A place moved by x, y, z [m]."""
    moved: Point = place + np.array([x, y, z])
    return moved


def _limb(mesh: Mesh, a: Point, b: Point, radius: float, color: Sequence[float], tag: SemanticTag) -> None:
    """A four-sided rod from `a` to `b`, open at its ends."""
    axis = (b - a) / np.linalg.norm(b - a)
    across = np.cross(axis, (0.0, 1.0, 0.0) if abs(axis[1]) < 0.9 else (1.0, 0.0, 0.0))
    across *= radius / np.linalg.norm(across)
    upward = np.cross(axis, across)
    ring = np.stack([across, upward, -across, -upward])
    low, high = a + ring, b + ring
    mesh.add(np.stack([low, np.roll(low, -1, 0), np.roll(high, -1, 0), high], axis=1), color, tag)


def _trunk(
    mesh: Mesh, hip: Point, neck: Point, height: float, color: Sequence[float], tag: SemanticTag
) -> None:
    """A body that widens towards the shoulders and leans from hip to neck."""
    around = np.array([(-1, -0.7), (0, -1), (1, -0.7), (1, 0.7), (0, 1), (-1, 0.7)])
    levels = [(0.0, 0.065, 0.085), (0.55, 0.070, 0.10), (0.88, 0.060, 0.125), (1.0, 0.035, 0.05)]
    rings = []
    for part, thick, wide in levels:
        center = hip + (neck - hip) * part
        rings.append(center + np.column_stack([around * [thick * height, wide * height], np.zeros(6)]))
    for low, high in pairwise(rings):
        mesh.add(np.stack([low, np.roll(low, -1, 0), np.roll(high, -1, 0), high], axis=1), color, tag)


def _head(
    mesh: Mesh, center: Point, height: float, skin: Sequence[float], hair: Sequence[float], tag: SemanticTag
) -> None:
    size = height * np.array([0.058, 0.050, 0.070])
    mesh.blob(center, size, skin, tag, sides=6, rings=4)
    mesh.blob(
        _by(center, -0.022 * height, 0.0, 0.022 * height),
        size * [0.95, 1.1, 0.85],
        hair,
        tag,
        sides=6,
        rings=3,
    )


def _wheel(mesh: Mesh, hub: Point, radius: float, tag: SemanticTag) -> None:
    """A tyre as a thin ring seen from both sides and from behind."""
    angle = np.linspace(0.0, 2.0 * np.pi, 10, endpoint=False)
    ring = np.column_stack([np.cos(angle), np.zeros(10), np.sin(angle)])
    tyre, rim = hub + ring * radius, hub + ring * radius * 0.86
    left, right = _by(tyre, 0, 0.045, 0), _by(tyre, 0, -0.045, 0)
    for a, b in ((right, left), (rim, right), (left, rim)):
        mesh.add(np.stack([a, b, np.roll(b, -1, 0), np.roll(a, -1, 0)], axis=1), TYRE, tag)
    for spoke in (0, 2, 4, 6, 8):
        mesh.add(
            [hub, hub + ring[spoke] * radius, hub + ring[spoke] * radius + [0.02, 0, 0.02], hub], METAL, tag
        )
