"""The embedded roads: a reference line of lines, bends and clothoids, and lanes beside it.

World frame: x east, y north, z up, metres, headings counter-clockwise from x in radians. The ground is
level. Lane ids and signs are OpenDRIVE's (negative = the ego's direction, offsets `t` positive to the left).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt

LaneKind = Literal["driving", "shoulder", "parking", "sidewalk", "median"]
Floats = npt.NDArray[np.float64]
SPACING = 0.5  # between samples of the reference line; a chord at radius 200 m is then 0.2 mm off [m]


@dataclass(frozen=True)
class Lane:
    """A strip of constant width along the road."""

    id: int
    kind: LaneKind
    right: float  # lateral offset of its right edge [m]
    left: float  # lateral offset of its left edge [m]

    @property
    def center(self) -> float:
        """Lateral offset of its centre line [m]."""
        return (self.right + self.left) / 2


@dataclass(frozen=True)
class Bend:
    """A piece of the reference line whose curvature goes linearly from one value to another."""

    length: float  # [m]
    start: float = 0.0  # curvature at its start, positive = turning left [1/m]
    end: float = 0.0  # curvature at its end [1/m]


class Road:
    """A road's geometry; immutable, so it may be shared.

    Args:
        name: What scenarios call it.
        bends: Pieces of the reference line, in order; it starts at the origin, heading east.
        lanes: Its cross-section.
        speed_limit: In m/s.
    """

    def __init__(
        self, name: str, bends: tuple[Bend, ...], lanes: tuple[Lane, ...], speed_limit: float
    ) -> None:
        self.name = name
        self.bends = bends
        self.lanes = {lane.id: lane for lane in lanes}
        self.speed_limit = speed_limit
        self.length = sum(bend.length for bend in bends)
        edges = np.cumsum([0.0] + [bend.length for bend in bends])
        self._s: Floats = np.linspace(0.0, self.length, int(np.ceil(self.length / SPACING)) + 1)
        middle = (self._s[1:] + self._s[:-1]) / 2
        piece = np.clip(np.searchsorted(edges, middle, side="right") - 1, 0, len(bends) - 1)
        start = np.array([bend.start for bend in bends])[piece]
        slope = np.array([(bend.end - bend.start) / bend.length for bend in bends])[piece]
        curvature = start + slope * (middle - edges[piece])
        step = np.diff(self._s)
        self._heading: Floats = np.concatenate([[0.0], np.cumsum(curvature * step)])
        along = (self._heading[1:] + self._heading[:-1]) / 2
        self._x: Floats = np.concatenate([[0.0], np.cumsum(np.cos(along) * step)])
        self._y: Floats = np.concatenate([[0.0], np.cumsum(np.sin(along) * step)])
        self._curvature: Floats = np.interp(self._s, middle, curvature)
        # plain lists of the same numbers: indexing an array one element at a time is several times slower
        columns = (self._x, self._y, self._heading, self._curvature)
        self._rows = list(zip(*(column.tolist() for column in columns), strict=True))
        self._per_metre = (len(self._s) - 1) / self.length

    def pose(self, s: float, t: float = 0.0) -> tuple[float, float, float]:
        """World position and heading of the point at `s` [m] along and `t` [m] left of the line.

        Returns:
            x [m], y [m] and the line's heading [rad, unwrapped].
        """
        x, y, heading, _ = self._sample(s)
        return x - t * math.sin(heading), y + t * math.cos(heading), heading

    def poses(self, s: Floats, t: Floats) -> tuple[Floats, Floats, Floats]:
        """`pose` of many points at once.

        Args:
            s: (N,) along the line [m].
            t: (N,) to the left of it [m].

        Returns:
            x [m], y [m] and the line's heading [rad, unwrapped], each (N,).
        """
        heading = np.interp(s, self._s, self._heading)
        x = np.interp(s, self._s, self._x) - t * np.sin(heading)
        y = np.interp(s, self._s, self._y) + t * np.cos(heading)
        return x, y, heading

    def curvature(self, s: float) -> float:
        """Curvature of the reference line at `s` [1/m], positive = turning left."""
        return self._sample(s)[3]

    def curvatures(self, s: Floats) -> Floats:
        """`curvature` at many places, (N,) [m] -> (N,) [1/m]."""
        return np.interp(s, self._s, self._curvature)

    def locate(self, x: float, y: float, near: float) -> tuple[float, float]:
        """Road coordinates of a world point.

        Args:
            x: East [m].
            y: North [m].
            near: A guess of `s`, within some 20 m of the truth (the last tick's value).

        Returns:
            `s` and `t` in metres.
        """
        s = near
        for _ in range(4):
            px, py, heading, curvature = self._sample(s)
            cos, sin = math.cos(heading), math.sin(heading)
            ahead = (x - px) * cos + (y - py) * sin
            left = (y - py) * cos - (x - px) * sin
            step = ahead / max(1.0 - curvature * left, 0.2)
            s = min(max(s + step, 0.0), self.length)
            if abs(step) < 1e-4:
                break
        px, py, heading, _ = self._sample(s)
        return s, (y - py) * math.cos(heading) - (x - px) * math.sin(heading)

    def _sample(self, s: float) -> tuple[float, float, float, float]:
        """x, y, heading and curvature of the reference line at `s`."""
        position = min(max(s, 0.0), self.length) * self._per_metre
        i = min(int(position), len(self._rows) - 2)
        w = position - i
        x0, y0, h0, k0 = self._rows[i]
        x1, y1, h1, k1 = self._rows[i + 1]
        return x0 + w * (x1 - x0), y0 + w * (y1 - y0), h0 + w * (h1 - h0), k0 + w * (k1 - k0)

    def lane_at(self, t: float) -> Lane | None:
        """The lane at lateral offset `t` [m], None beside the road."""
        return next((lane for lane in self.lanes.values() if lane.right <= t < lane.left), None)

    def direction(self, lane: int) -> int:
        """+1 for lanes of the ego's direction, -1 for the opposite one."""
        return 1 if lane < 0 else -1


def _mirrored(lanes: list[tuple[LaneKind, float]], inner: float) -> tuple[Lane, ...]:
    """Lanes of one side, from the inside out as (kind, width), put on both sides of the line."""
    both: list[Lane] = []
    edge = inner
    for i, (kind, width) in enumerate(lanes, start=1):
        both += [Lane(-i, kind, -edge - width, -edge), Lane(i, kind, edge, edge + width)]
        edge += width
    return tuple(both)


def _street() -> Road:
    lanes = _mirrored([("driving", 4.0), ("parking", 2.2), ("sidewalk", 2.5)], inner=0.0)
    return Road("street", (Bend(3000.0),), lanes, speed_limit=13.9)


def _highway() -> Road:
    bends: list[Bend] = [Bend(330.0)]
    for radius, arc in [
        (350, 180),
        (-500, 220),
        (250, 150),
        (-220, 160),
        (600, 300),
        (-300, 200),
        (200, 120),
    ]:
        k = 1.0 / radius
        bends += [Bend(70.0, 0.0, k), Bend(float(arc), k, k), Bend(70.0, k, 0.0), Bend(90.0)]
    bends.append(Bend(330.0))
    driving: tuple[LaneKind, float] = ("driving", 3.5)
    lanes = _mirrored([driving, driving, driving, driving, ("shoulder", 2.5)], inner=1.0)
    return Road("highway", tuple(bends), (Lane(0, "median", -1.0, 1.0), *lanes), speed_limit=25.0)


@cache
def road(name: str) -> Road:
    """The embedded road called `name` ("street" or "highway").

    Raises:
        ValueError: If there is none of that name.
    """
    roads = {"street": _street, "highway": _highway}
    if name not in roads:
        raise ValueError(f"unknown embedded road {name!r}; known: {', '.join(sorted(roads))}")
    return roads[name]()
