"""What is seen along the highway, one stretch at a time."""

from __future__ import annotations

import numpy as np

from semore_gym.backends.embedded.scenery.mesh import Mesh
from semore_gym.backends.embedded.scenery.plants import bush, conifer, tree
from semore_gym.backends.embedded.scenery.ribbon import Stretch
from semore_gym.tags import SemanticTag

ASPHALT = np.array((0.335, 0.335, 0.345))
SHOULDER = np.array((0.40, 0.395, 0.39))
GRASS = (0.36, 0.50, 0.20)
WHITE = (0.93, 0.93, 0.90)
YELLOW = (0.93, 0.78, 0.25)
CONCRETE = np.array((0.68, 0.67, 0.64))
STEEL = np.array((0.66, 0.68, 0.70))
SIGN_GREEN = (0.05, 0.38, 0.24)
GRASS_EDGE = 70.0  # how far from the line the grass is built; the plain ground goes on beyond [m]
DASH, DASH_PERIOD = 4.5, 12.5  # [m]
RAIL = 18.3  # offset of the guard rails [m]
GANTRY_EVERY, FIRST_GANTRY = 450.0, 260.0  # [m]


def highway_ground(part: Stretch, rng: np.random.Generator, fine: bool) -> Mesh:
    """Grass, asphalt and lane marks, level, to be painted in this order.

    Args:
        part: Where.
        rng: Draws what is random.
        fine: Whether it is near.
    """
    mesh, lanes = Mesh(), part.road.lanes
    _grass(mesh, part)
    mesh.sheet(part.strip(lanes[-5].right, lanes[5].left), SHOULDER, SemanticTag.ROADS)
    for side in (1, -1):
        low, high = sorted((side * lanes[1].right, side * lanes[4].left))
        tint = ASPHALT * (1.0 + 0.03 * rng.standard_normal((len(part.s), 1, 1)))
        mesh.sheet(part.strip(low, high), tint, SemanticTag.ROADS)
    mesh.sheet(part.strip(lanes[0].right, lanes[0].left), CONCRETE, SemanticTag.ROADS)
    if fine:
        _wear(mesh, part, rng)
    wide = 0.20 if fine else 0.32
    for side in (1, -1):
        mesh.sheet(part.line(side * (lanes[4].left - 0.2), wide), WHITE, SemanticTag.ROAD_LINE)
        mesh.sheet(part.line(side * (lanes[1].right + 0.3), wide), YELLOW, SemanticTag.ROAD_LINE)
        for i in (1, 2, 3):
            dashes = part.dashes(part.every(DASH_PERIOD), DASH, side * lanes[i].left, wide)
            mesh.add(dashes, WHITE, SemanticTag.ROAD_LINE)
    return mesh


def highway_objects(part: Stretch, rng: np.random.Generator, fine: bool, night: bool) -> Mesh:
    """Barrier, guard rails, trees and signs; arguments as above, nothing here is lit at night."""
    mesh = Mesh()
    _barrier(mesh, part)
    for side in (1, -1):
        _rail(mesh, part, side, fine)
        _woods(mesh, part, side, rng, fine)
    for s in part.every(GANTRY_EVERY, FIRST_GANTRY):
        mesh.merge(_gantry(), *part.frame(float(s), 0.0))
    return mesh


def _grass(mesh: Mesh, part: Stretch) -> None:
    s = part.s[:, None]
    for side in (-1, 1):
        t = side * np.array([19.0, 24.0, 32.0, 45.0, GRASS_EDGE])[::side]
        # The same at the shared edge of two stretches, fading to the plain ground's colour.
        wave = np.sin(0.31 * s + 0.5 * t) + np.sin(0.083 * s - 0.11 * t + 1.0)
        fade = np.clip((GRASS_EDGE - np.abs(t)) / 30.0, 0.0, 1.0)
        dry = (0.09 * wave * fade)[..., None] * np.array([1.0, 0.35, 0.1])
        mesh.sheet(part.ribbon.points(s, t), np.asarray(GRASS) + dry, SemanticTag.TERRAIN)
        low, high = sorted((side * 17.0, side * 19.0))
        mesh.sheet(part.strip(low, high), np.multiply(GRASS, 0.9), SemanticTag.TERRAIN)


def _wear(mesh: Mesh, part: Stretch, rng: np.random.Generator) -> None:
    """Darker wheel tracks on the ego's side, repaired patches and a joint across."""
    for lane in part.road.lanes.values():
        if lane.kind != "driving":
            continue
        if lane.id < 0:
            for track in (-0.85, 0.85):
                mesh.sheet(part.line(lane.center + track, 0.56), ASPHALT * 0.93, SemanticTag.ROADS)
        if rng.random() < 0.18:
            s, length = rng.uniform(part.start, part.end - 12.0), rng.uniform(4.0, 11.0)
            patch = part.dashes([s], length, lane.center + rng.uniform(-0.5, 0.5), 2.2)
            mesh.add(patch, ASPHALT * rng.choice([0.86, 1.1]), SemanticTag.ROADS)
    for side in (8.0, -8.0):
        mesh.add(part.dashes([part.start], 0.12, side, 14.0), ASPHALT * 0.8, SemanticTag.ROADS)


def _barrier(mesh: Mesh, part: Stretch) -> None:
    """A New Jersey barrier on the median."""
    for side in (1, -1):
        profile = [(side * 0.40, 0.0), (side * 0.22, 0.28), (side * 0.12, 0.85)]
        tint = CONCRETE * np.array([0.85, 1.0, 1.1])[None, :, None]
        mesh.sheet(part.wall(side, profile), np.broadcast_to(tint, (len(part.s), 3, 3)), SemanticTag.WALL)
    mesh.sheet(part.strip(-0.12, 0.12, 0.85), CONCRETE * 1.1, SemanticTag.WALL)


def _rail(mesh: Mesh, part: Stretch, side: int, fine: bool) -> None:
    t = side * RAIL
    profile = [(t, 0.46), (t - side * 0.05, 0.62), (t, 0.78)]
    tint = STEEL * np.array([0.8, 1.2, 1.0])[None, :, None]
    mesh.sheet(part.wall(-side, profile), np.broadcast_to(tint, (len(part.s), 3, 3)), SemanticTag.GUARD_RAIL)
    back = [(t + side * 0.02, 0.46), (t + side * 0.02, 0.78)]
    mesh.sheet(part.wall(side, back), STEEL * 0.8, SemanticTag.GUARD_RAIL)
    for s in part.every(5.0) if fine else ():
        turn, place = part.frame(float(s), t + side * 0.1)
        x = 0.07
        post = Mesh()
        post.add(
            [(-x, x, 0), (-x, -x, 0), (-x, -x, 0.76), (-x, x, 0.76)], STEEL * 0.6, SemanticTag.GUARD_RAIL
        )
        mesh.merge(post, turn, place)


def _woods(mesh: Mesh, part: Stretch, side: int, rng: np.random.Generator, fine: bool) -> None:
    # A generator of its own: the near and the far version of a stretch stand in the same places.
    layout = np.random.default_rng(rng.integers(2**31))
    density = 0.5 + 0.5 * np.sin(part.start * 0.011 + side)
    for _ in range(int(3 + 6 * density)):
        s, t = layout.uniform(part.start, part.end), side * layout.uniform(23.0, 62.0)
        kind, size = layout.random(), layout.uniform(0.75, 1.3)
        own = np.random.default_rng(layout.integers(2**31))
        if kind < 0.45:
            plant = conifer(own, fine, 9.0 * size)
        elif kind < 0.8:
            plant = tree(own, fine, 7.5 * size)
        else:
            plant = bush(own, fine, 1.6 * size)
        mesh.merge(plant, *part.frame(s, t))


def _gantry() -> Mesh:
    """A bridge of signs over the ego's lanes; it stands across the y axis and faces backward."""
    gate = Mesh()
    for y in (-18.0, 0.0):
        gate.box((-0.15, y - 0.15, 0.0), (0.15, y + 0.15, 7.0), STEEL, SemanticTag.POLE)
    gate.box((-0.12, -18.0, 6.5), (0.12, 0.0, 7.0), STEEL, SemanticTag.POLE)
    for right, left in ((-15.5, -9.5), (-8.0, -2.0)):
        gate.add(_panel(-0.16, right, left, 5.4, 7.6), WHITE, SemanticTag.TRAFFIC_SIGN)
        gate.add(_panel(-0.24, right + 0.15, left - 0.15, 5.55, 7.45), SIGN_GREEN, SemanticTag.TRAFFIC_SIGN)
        middle = (right + left) / 2
        for half, z in ((1.7, 6.75), (1.1, 5.95)):
            gate.add(_panel(-0.30, middle - half, middle + half, z, z + 0.4), WHITE, SemanticTag.TRAFFIC_SIGN)
        gate.add(_panel(0.16, left, right, 5.4, 7.6), STEEL * 0.7, SemanticTag.TRAFFIC_SIGN)
    return gate


def _panel(x: float, right: float, left: float, low: float, high: float) -> list[tuple[float, float, float]]:
    """An upright rectangle across the road; it faces backward when right < left."""
    return [(x, left, low), (x, right, low), (x, right, high), (x, left, high)]
