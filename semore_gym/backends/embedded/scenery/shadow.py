"""Soft dark patches below what stands on the road."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from panda3d.core import (
    ColorWriteAttrib,
    CullBinAttrib,
    DepthTestAttrib,
    DepthWriteAttrib,
    GeomVertexFormat,
    RenderState,
    TransparencyAttrib,
)

from semore_gym.backends.embedded.blueprints import BODIES
from semore_gym.backends.embedded.scenery.mesh import make_geom, quad_triangles

_RGB = ColorWriteAttrib.C_red | ColorWriteAttrib.C_green | ColorWriteAttrib.C_blue
# Blended over the ground and under everything else; the tags and depths below it stay.
SHADOW = RenderState.make(
    CullBinAttrib.make("background", 40),
    TransparencyAttrib.make(TransparencyAttrib.M_alpha),
    ColorWriteAttrib.make(_RGB),
    DepthWriteAttrib.make(DepthWriteAttrib.M_off),
).set_attrib(DepthTestAttrib.make(DepthTestAttrib.M_none))


@lru_cache(maxsize=64)
def shadow(blueprint: str) -> Any:
    """The shadow of a blueprint as a Panda3D Geom: even in the middle, fading to nothing at its edge."""
    body = BODIES[blueprint]
    slim = body.kind in ("walker", "bicycle")
    half = np.array([body.length, body.width]) / 2
    (a, b), (c, d) = half * (0.55 if slim else 0.92), half + (0.12 if slim else 0.40)
    grid = np.stack(
        [*np.meshgrid([-c, -a, a, c], [-d, -b, b, d], indexing="ij"), np.full((4, 4), 0.02)], axis=-1
    )
    opacity = np.zeros((4, 4))
    opacity[1:3, 1:3] = 255.0 * (0.42 if slim else 0.62)
    i, j = (index.ravel()[:, None] for index in np.mgrid[0:3, 0:3])
    i, j = i + np.array([0, 1, 1, 0]), j + np.array([0, 0, 1, 1])
    vertices = np.zeros((9, 4), dtype=[("xyz", "<f4", 3), ("rgba", "u1", 4)])
    vertices["xyz"], vertices["rgba"][..., 3] = grid[i, j], opacity[i, j]
    return make_geom(GeomVertexFormat.get_v3c4(), vertices, quad_triangles(grid[i, j]))
