"""Coloured, tagged surfaces: what every visible thing is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from panda3d.core import Geom, GeomTriangles, GeomVertexData, GeomVertexFormat

from semore_gym.tags import SemanticTag

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Shade:
    """How much light a surface gets by where it faces."""

    toward_sun: tuple[float, float, float]  # unit vector towards the sun
    sun: float  # light on a surface that faces the sun, on top of the ambient light
    ambient: float  # ambient light on a surface that faces up
    bounce: float  # ambient light on a surface that faces down

    def __call__(self, normals: Floats) -> Floats:
        """Light on surfaces with these unit normals (N, 3), as (N,)."""
        up = (normals[:, 2] + 1.0) / 2.0
        sun = np.maximum(normals @ np.asarray(self.toward_sun), 0.0)
        light: Floats = self.bounce + (self.ambient - self.bounce) * up + self.sun * sun
        return light


def encode(tag: SemanticTag, glow: bool = False) -> int:
    """The alpha value that carries a tag and whether the surface shines by itself.

    The low bits leave room for the rounding of the rasteriser.
    """
    return int(tag) * 8 + (6 if glow else 2)


def decode(alpha: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The tags in an alpha channel."""
    return np.right_shift(alpha, np.uint8(3), dtype=np.uint8)


def glowing(alpha: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Which values of an alpha channel shine by themselves."""
    return (alpha & 4) > 0


class _Part(NamedTuple):
    points: Floats  # (N, 3) [m]; of flat parts, four by four
    colors: Floats  # (N, 3)
    alpha: int
    normals: Floats | None  # (N, 3); None for flat parts
    triangles: npt.NDArray[np.int64] | None  # (M, 3), indices of points; None for flat parts


class Mesh:
    """A growing heap of triangles, counter-clockwise seen from outside."""

    def __init__(self) -> None:
        self._parts: list[_Part] = []

    def add(self, corners: Any, color: Any, tag: SemanticTag, *, glow: bool = False) -> None:
        """Add flat quadrilaterals; one whose last two corners coincide is a triangle.

        Args:
            corners: (4, 3) or (N, 4, 3) [m].
            color: (3,), (N, 3) or (N, 4, 3), in [0, 1].
            tag: What they are.
            glow: Whether they shine by themselves, unshaded and also in the dark.
        """
        quads = np.asarray(corners, float).reshape(-1, 4, 3)
        tint = np.asarray(color, float)
        if tint.ndim == 2:
            tint = tint[:, None, :]
        colors = np.broadcast_to(tint, quads.shape).reshape(-1, 3)
        self._parts.append(_Part(quads.reshape(-1, 3), colors, encode(tag, glow), None, None))

    def sheet(self, grid: Any, color: Any, tag: SemanticTag) -> None:
        """Add a smooth surface whose cells share their corners.

        Args:
            grid: (R, C, 3) [m]; seen from outside, columns follow rows counter-clockwise.
            color: (3,), (R, 1, 3) or (R, C, 3), in [0, 1].
            tag: What it is.
        """
        points = np.asarray(grid, float)
        rows, columns, _ = points.shape
        first = np.arange(rows * columns).reshape(rows, columns)[:-1, :-1].reshape(-1, 1)
        quads = first + np.array([0, columns, columns + 1, 1])
        normals = np.zeros((rows * columns, 3))
        flat = points.reshape(-1, 3)
        faces = _cross(flat[quads])
        for corner in range(4):
            np.add.at(normals, quads[:, corner], faces)
        colors = np.broadcast_to(np.asarray(color, float), points.shape).reshape(-1, 3)
        triangles = quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)
        self._parts.append(_Part(flat, colors, encode(tag), _unit(normals), triangles))

    def box(self, low: Any, high: Any, color: Any, tag: SemanticTag, *, glow: bool = False) -> None:
        """Add a box between two opposite corners (3,) [m], without its underside."""
        (x0, y0, z0), (x1, y1, z1) = low, high
        a, b, c, d = (x0, y0, z0), (x1, y0, z0), (x1, y1, z0), (x0, y1, z0)
        e, f, g, h = (x0, y0, z1), (x1, y0, z1), (x1, y1, z1), (x0, y1, z1)
        faces = [(a, b, f, e), (b, c, g, f), (c, d, h, g), (d, a, e, h), (e, f, g, h)]
        self.add(faces, color, tag, glow=glow)

    def cone(
        self,
        radius: float,
        low: float,
        high: float,
        color: Any,
        tag: SemanticTag,
        *,
        sides: int,
        top: float = 0.0,
    ) -> None:
        """Add an open cone around the z axis.

        Args:
            radius: Of its foot [m].
            low: Height of its foot [m].
            high: Height of its top [m].
            color: (3,), in [0, 1].
            tag: What it is.
            sides: Around it.
            top: Radius of its top [m].
        """
        around = np.linspace(0.0, 2.0 * np.pi, sides + 1)
        ring = np.column_stack([np.cos(around), np.sin(around), np.zeros(sides + 1)])
        grid = np.stack([ring * radius + (0, 0, low), ring * top + (0, 0, high)], axis=1)
        self.sheet(grid, color, tag)

    def blob(
        self, center: Any, radii: Any, color: Any, tag: SemanticTag, *, sides: int = 6, rings: int = 3
    ) -> None:
        """Add an ellipsoid whose colour fades to a darker underside.

        Args:
            center: (3,) [m].
            radii: (3,) [m].
            color: (3,), in [0, 1].
            tag: What it is.
            sides: Around it.
            rings: From pole to pole.
        """
        around = np.linspace(0.0, 2.0 * np.pi, sides + 1)[:, None]
        polar = np.linspace(-np.pi / 2, np.pi / 2, rings + 1)
        up = np.broadcast_to(np.sin(polar), (sides + 1, rings + 1))
        unit = np.stack([np.cos(polar) * np.cos(around), np.cos(polar) * np.sin(around), up], axis=-1)
        tint = np.asarray(color) * (0.82 + 0.18 * up[..., None])
        self.sheet(np.asarray(center) + unit * np.asarray(radii), tint, tag)

    def merge(self, other: Mesh, turn: Any = None, origin: Any = (0.0, 0.0, 0.0)) -> None:
        """Add all of another mesh.

        Args:
            other: The mesh.
            turn: (3, 3) rotation of it; None leaves it.
            origin: (3,) where its origin goes [m].
        """
        rotation = np.eye(3) if turn is None else np.asarray(turn)
        for part in other._parts:
            points = part.points @ rotation.T + np.asarray(origin)
            normals = None if part.normals is None else part.normals @ rotation.T
            self._parts.append(part._replace(points=points, normals=normals))

    def geom(self, shade: Shade) -> Any:
        """Bake the light in and make a Panda3D Geom of it."""
        parts = self._parts
        sizes = [len(part.points) for part in parts]
        points = np.concatenate([part.points for part in parts])
        alpha = np.repeat(np.array([part.alpha for part in parts], np.uint8), sizes)
        flat = np.repeat([part.normals is None for part in parts], sizes)
        normals = np.empty_like(points)
        normals[~flat] = np.concatenate(
            [np.empty((0, 3)), *(p.normals for p in parts if p.normals is not None)]
        )
        normals[flat] = np.repeat(_unit(_cross(points[flat].reshape(-1, 4, 3))), 4, axis=0)
        light = np.where(glowing(alpha), 1.0, shade(normals))
        rgb = np.concatenate([part.colors for part in parts]) * light[:, None]
        vertices = np.zeros(len(alpha), dtype=[("xyz", "<f4", 3), ("rgba", "u1", 4)])
        vertices["xyz"] = points
        vertices["rgba"][:, :3] = np.clip(rgb * 255.0 + 0.5, 0, 255)
        vertices["rgba"][:, 3] = alpha
        return make_geom(GeomVertexFormat.get_v3c4(), vertices, self._triangles(sizes))

    def _triangles(self, sizes: list[int]) -> npt.NDArray[np.int64]:
        """Indices (M, 3) of all triangles, in the order in which they were added."""
        first = np.cumsum([0, *sizes[:-1]])
        triangles = []
        for part, at in zip(self._parts, first, strict=True):
            own = quad_triangles(part.points.reshape(-1, 4, 3)) if part.triangles is None else part.triangles
            triangles.append(own + at)
        return np.concatenate(triangles)


def quad_triangles(quads: Floats) -> npt.NDArray[np.int64]:
    """Indices (M, 3) of the triangles of (N, 4, 3) corners; coinciding last corners make one, not two."""
    halves = np.arange(len(quads))[:, None] * 4 + np.array([0, 1, 2, 0, 2, 3])
    keep = np.ones((len(quads), 2), bool)
    keep[:, 1] = (quads[:, 2] != quads[:, 3]).any(axis=1)
    kept: npt.NDArray[np.int64] = halves.reshape(-1, 2, 3)[keep]
    return kept


def make_geom(layout: Any, vertices: npt.NDArray[Any], triangles: npt.NDArray[np.int64]) -> Any:
    """A Panda3D Geom.

    Args:
        layout: The GeomVertexFormat of the vertices.
        vertices: Structured like `layout`.
        triangles: (M, 3), indices of vertices.
    """
    data = GeomVertexData("mesh", layout, Geom.UH_static)
    data.unclean_set_num_rows(vertices.size)
    memoryview(data.modify_array(0)).cast("B")[:] = vertices.tobytes()
    primitive = GeomTriangles(Geom.UH_static)
    primitive.set_index_type(Geom.NT_uint32)
    index = primitive.modify_vertices()
    index.unclean_set_num_rows(triangles.size)
    memoryview(index).cast("B")[:] = triangles.astype("<u4").tobytes()
    geom = Geom(data)
    geom.add_primitive(primitive)
    return geom


def _cross(quads: Floats) -> Floats:
    """Normals of (N, 4, 3) quadrilaterals, as long as their areas are large."""
    (a, b, c), (d, e, f) = (quads[:, 2] - quads[:, 0]).T, (quads[:, 3] - quads[:, 1]).T
    return np.stack([b * f - c * e, c * d - a * f, a * e - b * d], axis=1)


def _unit(vectors: Floats) -> Floats:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    result: Floats = vectors / np.maximum(length, 1e-12)
    return result
