"""House fronts with windows, doors and shops; they face along -y, the middle of their front on the origin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from semore_gym.backends.embedded.scenery.mesh import Mesh
from semore_gym.tags import SemanticTag

WALLS = (
    (0.66, 0.36, 0.28),
    (0.80, 0.72, 0.58),
    (0.62, 0.60, 0.58),
    (0.82, 0.66, 0.42),
    (0.58, 0.66, 0.72),
    (0.74, 0.52, 0.40),
    (0.84, 0.82, 0.76),
    (0.50, 0.30, 0.26),
)
ROOFS = ((0.42, 0.22, 0.18), (0.30, 0.30, 0.33), (0.36, 0.28, 0.24))
AWNINGS = ((0.75, 0.18, 0.16), (0.16, 0.42, 0.30), (0.20, 0.30, 0.58), (0.88, 0.62, 0.20))
PANE = (0.18, 0.23, 0.30)
REFLECTION = np.array([0.9, 0.9, 1.6, 1.6])[:, None]  # of the sky, on the upper corners of a pane
PANE_LIT = (0.98, 0.80, 0.46)
DOORS = ((0.32, 0.18, 0.10), (0.14, 0.26, 0.20), (0.20, 0.20, 0.24))
STOREY = 3.0  # [m]
DEPTH = 9.0  # [m]
LIT = 0.3  # part of the windows that are lit at night
TAG = SemanticTag.BUILDING


def house(rng: np.random.Generator, width: float, fine: bool, night: bool) -> Mesh:
    """A house.

    The front is cut into cells, each of one colour: the renderer rounds corners to whole pixels, so that
    depths cannot tell a window from the wall behind it.

    Args:
        rng: Draws its colours, its height and its windows.
        width: Of the front [m].
        fine: With every window, or for the distance.
        night: Whether some windows are lit.
    """
    mesh, half = Mesh(), width / 2
    wall = np.array(WALLS[rng.integers(len(WALLS))]) * rng.uniform(0.92, 1.06)
    storeys = int(rng.integers(2, 5))
    height = storeys * STOREY + 0.6
    shop, pitched, roof = rng.random() < 0.35, rng.random() < 0.6, ROOFS[rng.integers(len(ROOFS))]
    # A wall behind the cells shows in the hairlines between them; nobody sees the back of the house.
    mesh.add(_front(-half, half, 0.0, height, 0.3), wall, TAG)
    side = [(-half, DEPTH, 0.0), (-half, 0.0, 0.0), (-half, 0.0, height), (-half, DEPTH, height)]
    mesh.add([side, [(-x, y, z) for x, y, z in reversed(side)]], wall, TAG)
    _roof(mesh, half, height, roof, pitched)
    count = max(int(width / 2.6), 2)
    for storey in range(storeys):
        lit = rng.random(count) < LIT
        row = _Row(mesh, half, count, wall, lit & night)
        if storey == 0:
            _ground_floor(row, rng, shop, night)
        else:
            row.windows(storey * STOREY, 1.3, fine)
    mesh.add(_front(-half, half, storeys * STOREY, height), wall, TAG)
    return mesh


class _Row:
    """One storey of a front, cut into the wall's and the windows' cells."""

    def __init__(self, mesh: Mesh, half: float, count: int, wall: Any, lit: Any) -> None:
        self.mesh, self.half, self.wall, self.lit = mesh, half, wall, lit
        self.x = (np.arange(count) + 0.5) / count * 2.0 * half - half

    def band(self, low: float, high: float, color: Any) -> None:
        """A level band across the whole front [m]."""
        self.mesh.add(_front(-self.half, self.half, low, high), color, TAG)

    def cells(self, wide: Any, low: float, high: float, colors: Any, glow: Any) -> None:
        """Windows `wide` [m] each with the wall between them, from `low` to `high` [m]."""
        left, right = self.x - np.asarray(wide) / 2, self.x + np.asarray(wide) / 2
        gaps = zip([-self.half, *right], [*left, self.half], strict=True)
        self.mesh.add([_front(a, b, low, high) for a, b in gaps], self.wall, TAG)
        for a, b, color, shines in zip(left, right, colors, glow, strict=True):
            tint = np.asarray(color) if shines else np.asarray(color) * REFLECTION
            self.mesh.add([_front(a, b, low, high)], np.broadcast_to(tint, (1, 4, 3)), TAG, glow=bool(shines))

    def windows(self, floor: float, wide: float, fine: bool) -> None:
        """A row of windows on a floor [m]; a dark band in the distance."""
        if not fine and not self.lit.any():
            self.band(floor, floor + 0.95, self.wall)
            self.band(floor + 0.95, floor + 2.4, 0.5 * (self.wall + PANE))
            self.band(floor + 2.4, floor + STOREY, self.wall)
            return
        self.band(floor, floor + 0.95, self.wall)
        colors = [PANE_LIT if lit else PANE for lit in self.lit]
        self.cells(wide, floor + 0.95, floor + 2.4, colors, self.lit)
        self.band(floor + 2.4, floor + STOREY, self.wall)


def _ground_floor(row: _Row, rng: np.random.Generator, shop: bool, night: bool) -> None:
    """A door between windows, or between shop windows under an awning."""
    door = int(rng.integers(len(row.x)))
    wide = np.full(len(row.x), 2.0 if shop else 1.3)
    wide[door] = 1.1
    lit = np.full(len(row.x), night) if shop else row.lit.copy()
    lit[door] = False
    colors: list[Sequence[float]] = [PANE_LIT if on else PANE for on in lit]
    colors[door] = DOORS[rng.integers(len(DOORS))]
    row.band(0.0, 0.6, row.wall * 0.7)
    row.cells(wide, 0.6, 2.35, colors, lit)
    row.band(2.35, STOREY, row.wall)
    if shop:
        _awning(row.mesh, row.half - 0.3, AWNINGS[rng.integers(len(AWNINGS))])


def _awning(mesh: Mesh, half: float, color: Sequence[float]) -> None:
    mesh.add([(-half, -1.3, 2.5), (half, -1.3, 2.5), (half, -0.05, 3.0), (-half, -0.05, 3.0)], color, TAG)
    edge = [(-half, -1.3, 2.25), (half, -1.3, 2.25), (half, -1.3, 2.5), (-half, -1.3, 2.5)]
    mesh.add(edge, np.multiply(color, 0.85), TAG)


def _roof(mesh: Mesh, half: float, height: float, color: Sequence[float], pitched: bool) -> None:
    eave = 0.35
    if not pitched:
        mesh.box((-half - 0.1, -0.25, height), (half + 0.1, DEPTH, height + 0.35), color, TAG)
        return
    ridge, middle = height + 2.2, DEPTH / 2
    front = [(-half, -eave, height), (half, -eave, height), (half, middle, ridge), (-half, middle, ridge)]
    mesh.add(front, color, TAG)
    gable = [(-half, -eave, height), (-half, middle, ridge), (-half, DEPTH, height)]
    mesh.add([*gable, gable[2]], np.multiply(color, 0.8), TAG)
    other = [(-x, y, z) for x, y, z in reversed(gable)]
    mesh.add([*other, other[2]], np.multiply(color, 0.8), TAG)


def _front(left: float, right: float, low: float, high: float, y: float = 0.0) -> list[tuple[float, ...]]:
    """A rectangle of the front."""
    return [(left, y, low), (right, y, low), (right, y, high), (left, y, high)]
