"""What is seen along the street, one stretch at a time."""

from __future__ import annotations

import numpy as np

from semore_gym.backends.embedded.scenery.houses import house
from semore_gym.backends.embedded.scenery.mesh import Mesh
from semore_gym.backends.embedded.scenery.plants import bush, tree
from semore_gym.backends.embedded.scenery.ribbon import Stretch
from semore_gym.tags import SemanticTag

ASPHALT = np.array((0.335, 0.335, 0.345))
WHITE = (0.92, 0.92, 0.89)
YELLOW = (0.93, 0.76, 0.22)
KERB = (0.72, 0.71, 0.68)
PAVING = (0.60, 0.58, 0.55)
JOINT = (0.50, 0.48, 0.46)
LAWN = (0.34, 0.48, 0.20)
IRON = (0.20, 0.22, 0.23)
LAMP_GLASS = (0.90, 0.90, 0.86)
LAMP_LIT = (1.0, 0.86, 0.58)
KERB_HEIGHT = 0.15  # [m]
LAMP_EVERY = 25.0  # [m]
LAMP_HEIGHT = 5.6  # [m]
DASH, DASH_PERIOD = 3.0, 6.25  # [m]
LAWN_EDGE = 60.0  # [m]


def street_ground(part: Stretch, rng: np.random.Generator, fine: bool) -> Mesh:
    """Lawn, asphalt, marks, kerbs and sidewalks, to be painted in this order.

    Args:
        part: Where.
        rng: Draws what is random.
        fine: Whether it is near.
    """
    mesh, lanes = Mesh(), part.road.lanes
    for side in (1, -1):
        low, high = sorted((side * lanes[3].left, side * LAWN_EDGE))
        mesh.sheet(part.strip(low, high), LAWN, SemanticTag.TERRAIN)
        low, high = sorted((side * lanes[2].right, side * lanes[2].left))
        mesh.sheet(part.strip(low, high), ASPHALT * 1.06, SemanticTag.ROADS)
        low, high = sorted((0.0, side * lanes[1].left))
        tint = ASPHALT * (1.0 + 0.03 * rng.standard_normal((len(part.s), 1, 1)))
        mesh.sheet(part.strip(low, high), tint, SemanticTag.ROADS)
    if fine:
        _wear(mesh, part, rng)
    wide = 0.16 if fine else 0.26
    mesh.add(part.dashes(part.every(DASH_PERIOD), DASH, 0.0, wide), YELLOW, SemanticTag.ROAD_LINE)
    for side in (1, -1):
        mesh.sheet(part.line(side * lanes[1].left, wide), WHITE, SemanticTag.ROAD_LINE)
        _sidewalk(mesh, part, side, fine)
    return mesh


def street_objects(part: Stretch, rng: np.random.Generator, fine: bool, night: bool) -> Mesh:
    """Houses, trees, lamps and street furniture.

    `night` says whether lamps and windows are lit; the other arguments are as above.
    """
    mesh, walk = Mesh(), part.road.lanes[3]
    for side in (1, -1):
        # Generators of their own: the near and the far version of a stretch stand in the same places.
        _houses(mesh, part, side, np.random.default_rng(rng.integers(2**31)), fine, night)
        layout = np.random.default_rng(rng.integers(2**31))
        for s in np.arange(part.start + 6.0, part.end, 16.5):
            own = np.random.default_rng(layout.integers(2**31))
            if layout.random() < 0.75:
                mesh.merge(
                    tree(own, fine, layout.uniform(5.0, 6.6)), *part.frame(s, side * (walk.left + 0.9))
                )
        for s in part.every(LAMP_EVERY, 0.0 if side > 0 else LAMP_EVERY / 2):
            mesh.merge(_lamp(side, night), *part.frame(float(s), side * (walk.right + 0.35)))
        if layout.random() < 0.6:
            s = layout.uniform(part.start + 3, part.end - 3)
            mesh.merge(_furniture(layout), *part.frame(s, side * (walk.left - 0.4)))
    return mesh


def _wear(mesh: Mesh, part: Stretch, rng: np.random.Generator) -> None:
    """Darker wheel tracks, and a repaired patch or a manhole cover in each lane."""
    for lane in (part.road.lanes[1], part.road.lanes[-1]):
        for track in (-0.8, 0.8):
            mesh.sheet(part.line(lane.center + track, 0.56), ASPHALT * 0.94, SemanticTag.ROADS)
        s = rng.uniform(part.start, part.end - 8.0)
        if rng.random() < 0.5:
            patch = part.dashes([s], rng.uniform(2.0, 6.0), lane.center + rng.uniform(-0.6, 0.6), 1.8)
            mesh.add(patch, ASPHALT * 0.86, SemanticTag.ROADS)
        else:
            mesh.add(part.dashes([s], 0.7, lane.center, 0.7), (0.22, 0.21, 0.21), SemanticTag.ROADS)


def _sidewalk(mesh: Mesh, part: Stretch, side: int, fine: bool) -> None:
    lane = part.road.lanes[3]
    inner, outer, stone = side * lane.right, side * lane.left, side * (lane.right + 0.28)
    mesh.sheet(part.wall(-side, [(inner, 0.0), (inner, KERB_HEIGHT)]), KERB, SemanticTag.SIDEWALKS)
    low, high = sorted((stone, outer))
    mesh.sheet(part.strip(low, high, KERB_HEIGHT), PAVING, SemanticTag.SIDEWALKS)
    if fine:
        joints = part.dashes(part.every(2.5), 0.07, (low + high) / 2, high - low)
        mesh.add(joints + np.array([0.0, 0.0, KERB_HEIGHT]), JOINT, SemanticTag.SIDEWALKS)
        middle = (stone + outer) / 2
        mesh.sheet(part.strip(middle - 0.03, middle + 0.03, KERB_HEIGHT), JOINT, SemanticTag.SIDEWALKS)
    low, high = sorted((inner, stone))
    mesh.sheet(part.strip(low, high, KERB_HEIGHT), np.multiply(KERB, 1.08), SemanticTag.SIDEWALKS)


def _houses(
    mesh: Mesh, part: Stretch, side: int, layout: np.random.Generator, fine: bool, night: bool
) -> None:
    """A row of houses with gaps that hold a fence and bushes."""
    front = part.road.lanes[3].left + 2.0
    s = part.start
    while part.end - s > 6.0:
        wide = min(float(layout.uniform(9.0, 15.0)), part.end - s)
        own = np.random.default_rng(layout.integers(2**31))
        turn, place = part.frame(s + wide / 2, side * (front + layout.uniform(0.0, 1.5)))
        if side < 0:
            turn = turn @ np.diag([-1.0, -1.0, 1.0])
        lot = house(own, wide - 0.6, fine, night) if layout.random() < 0.86 else _garden(own, wide, fine)
        mesh.merge(lot, turn, place)
        s += wide


def _garden(rng: np.random.Generator, wide: float, fine: bool) -> Mesh:
    mesh = Mesh()
    for x in np.linspace(-wide / 2 + 1.5, wide / 2 - 1.5, 3):
        mesh.merge(bush(rng, fine, rng.uniform(1.0, 1.8)), None, (x, rng.uniform(1.5, 5.0), 0.0))
    mesh.box((-wide / 2, -0.1, 0.0), (wide / 2, 0.1, 1.0), (0.55, 0.42, 0.30), SemanticTag.FENCE)
    return mesh


def _lamp(side: int, night: bool) -> Mesh:
    """A street lamp whose arm reaches over the road from its left or right."""
    mesh = Mesh()
    mesh.box((-0.07, -0.07, KERB_HEIGHT), (0.07, 0.07, LAMP_HEIGHT), IRON, SemanticTag.POLE)
    low, high = sorted((0.0, -side * 1.6))
    mesh.box((-0.04, low, LAMP_HEIGHT - 0.08), (0.04, high, LAMP_HEIGHT), IRON, SemanticTag.POLE)
    low, high = sorted((-side * 1.1, -side * 1.7))
    mesh.box((-0.16, low, LAMP_HEIGHT - 0.18), (0.16, high, LAMP_HEIGHT - 0.02), IRON, SemanticTag.POLE)
    z = LAMP_HEIGHT - 0.2
    glass = [(-0.15, high, z), (0.15, high, z), (0.15, low, z), (-0.15, low, z)]
    mesh.add(glass, LAMP_LIT if night else LAMP_GLASS, SemanticTag.POLE, glow=night)
    if night:
        for x in (-0.17, 0.17):
            pane = [(x, low, z), (x, high, z), (x, high, z + 0.12), (x, low, z + 0.12)]
            mesh.add(pane if x > 0 else pane[::-1], LAMP_LIT, SemanticTag.POLE, glow=True)
    return mesh


def _furniture(rng: np.random.Generator) -> Mesh:
    """A bench, a bin or a hydrant."""
    mesh, z = Mesh(), KERB_HEIGHT
    kind = rng.integers(3)
    if kind == 0:
        mesh.box((-0.8, -0.2, z + 0.4), (0.8, 0.2, z + 0.48), (0.48, 0.32, 0.18), SemanticTag.STATIC)
        mesh.box((-0.8, 0.15, z + 0.48), (0.8, 0.22, z + 0.9), (0.48, 0.32, 0.18), SemanticTag.STATIC)
        for x in (-0.65, 0.65):
            mesh.box((x - 0.04, -0.18, z), (x + 0.04, 0.18, z + 0.4), IRON, SemanticTag.STATIC)
    elif kind == 1:
        mesh.box((-0.25, -0.25, z), (0.25, 0.25, z + 0.95), (0.16, 0.34, 0.22), SemanticTag.STATIC)
    else:
        mesh.box((-0.14, -0.14, z), (0.14, 0.14, z + 0.75), (0.78, 0.14, 0.10), SemanticTag.STATIC)
    return mesh
