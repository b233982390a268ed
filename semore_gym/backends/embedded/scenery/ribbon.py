"""Surfaces and places along a road, as arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from semore_gym.backends.embedded.roads import Road

Floats = npt.NDArray[np.float64]
SPACING = 2.5  # between samples of the reference line; chords are 0.4 cm off at radius 200 m [m]
LEAD_IN = 15.0  # of road before its beginning, where the chase camera may stand [m]


class Ribbon:
    """A road's reference line, sampled, with vectorised placing beside it.

    Args:
        road: The road.
    """

    def __init__(self, road: Road) -> None:
        self.road = road
        s = np.arange(0.0, road.length + SPACING / 2, SPACING)
        x, y, heading = np.array([road.pose(each) for each in s]).T
        before = x[0] - LEAD_IN * np.cos(heading[0]), y[0] - LEAD_IN * np.sin(heading[0])
        self._s, self._heading = np.r_[-LEAD_IN, s], np.r_[heading[0], heading]
        self._x, self._y = np.r_[before[0], x], np.r_[before[1], y]

    def points(self, s: npt.ArrayLike, t: npt.ArrayLike, z: npt.ArrayLike = 0.0) -> Floats:
        """World points (..., 3) at `s` along, `t` left of and `z` above the line [m]."""
        s, t, z = np.broadcast_arrays(np.asarray(s, float), np.asarray(t, float), np.asarray(z, float))
        heading = np.interp(s, self._s, self._heading)
        x = np.interp(s, self._s, self._x) - t * np.sin(heading)
        y = np.interp(s, self._s, self._y) + t * np.cos(heading)
        return np.stack([x, y, z], axis=-1)

    def stretch(self, start: float, end: float, step: float) -> Stretch:
        """A part of the road, with surfaces in pieces of `step` [m]."""
        return Stretch(self, start, end, step)


class Stretch:
    """Grids of surfaces along a part of a road, for `Mesh.sheet` and `Mesh.add`."""

    def __init__(self, ribbon: Ribbon, start: float, end: float, step: float) -> None:
        self.ribbon, self.road = ribbon, ribbon.road
        self.start, self.end = start, end
        self.s = np.linspace(start, end, max(int(np.ceil((end - start) / step - 1e-9)), 1) + 1)

    def strip(self, right: float, left: float, z: float = 0.0) -> Floats:
        """A level grid (R, 2, 3) between two offsets [m]."""
        return self.ribbon.points(self.s[:, None], np.array([right, left]), z)

    def line(self, t: float, width: float) -> Floats:
        """A level grid (R, 2, 3) of some width, centred on offset `t` [m]."""
        return self.strip(t - width / 2, t + width / 2)

    def wall(self, face: int, profile: Any) -> Floats:
        """An upright grid (R, K, 3).

        Args:
            face: 1 to be seen from the road's left, -1 from its right.
            profile: (K, 2) offset and height of its edges from foot to top [m].
        """
        offset, height = np.asarray(profile, float).T
        grid = self.ribbon.points(self.s[:, None], offset, height)
        return grid[::-1] if face > 0 else grid

    def dashes(self, starts: npt.ArrayLike, length: float, t: float, width: float) -> Floats:
        """Level rectangles (N, 4, 3) of `length` by `width`, centred on offset `t` [m]."""
        s = np.asarray(starts, float)[:, None] + np.array([0.0, length, length, 0.0])
        return self.ribbon.points(s, t + np.array([-0.5, -0.5, 0.5, 0.5]) * width)

    def every(self, period: float, shift: float = 0.0) -> Floats:
        """The multiples of `period` (plus `shift`) within the stretch [m]."""
        first = np.ceil((self.start - shift) / period - 1e-9) * period + shift
        return np.arange(first, self.end - 1e-6, period)

    def frame(self, s: float, t: float) -> tuple[Floats, Floats]:
        """Rotation (3, 3) and origin (3,) that put a model at a place, its x axis along the road."""
        heading = self.road.pose(s)[2]
        c, n = np.cos(heading), np.sin(heading)
        return np.array([[c, -n, 0.0], [n, c, 0.0], [0.0, 0.0, 1.0]]), self.ribbon.points(s, t)
