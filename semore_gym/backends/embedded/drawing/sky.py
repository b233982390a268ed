"""The dome that carries the sky."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from panda3d.core import GeomNode, GeomVertexFormat, RenderState, SamplerState, Texture, TextureAttrib

from semore_gym.backends.embedded.drawing.daylight import Daylight, sky_panorama
from semore_gym.backends.embedded.scenery.mesh import encode, make_geom
from semore_gym.tags import SemanticTag

SECTORS = 8  # parts that are culled by themselves
COLUMNS, ROWS = 3, 8  # of each
RADIUS = 100.0  # [m]


@lru_cache(maxsize=16)
def sky_texture(light: Daylight) -> Any:
    """The sky of one light as a Panda3D texture, built once a process."""
    rgb = sky_panorama(light)
    height, width, _ = rgb.shape
    alpha = np.full((height, width, 1), encode(SemanticTag.SKY, glow=True), np.uint8)
    texture = Texture("sky")
    texture.setup_2d_texture(width, height, Texture.T_unsigned_byte, Texture.F_rgba)
    texture.set_ram_image(np.concatenate([rgb[..., ::-1], alpha], axis=-1).tobytes())
    texture.set_minfilter(SamplerState.FT_nearest)
    texture.set_magfilter(SamplerState.FT_nearest)
    texture.set_wrap_v(SamplerState.WM_clamp)
    return texture


def sky_node(light: Daylight) -> Any:
    """A dome around the origin, from 5 degrees below the horizon to the zenith."""
    node = GeomNode("sky")
    state = RenderState.make(TextureAttrib.make(sky_texture(light)))
    for sector in _sectors():
        node.add_geom(sector, state)
    return node


@lru_cache(maxsize=1)
def _sectors() -> tuple[Any, ...]:
    sectors = []
    for k in range(SECTORS):
        u = (k + np.arange(COLUMNS + 1) / COLUMNS) / SECTORS
        v = np.arange(ROWS + 1) / ROWS
        azimuth, elevation = 2.0 * np.pi * u, np.radians(-5.0 + 95.0 * v**2)[:, None]
        xyz = RADIUS * np.stack(
            [
                np.cos(elevation) * np.cos(azimuth),
                np.cos(elevation) * np.sin(azimuth),
                np.broadcast_to(np.sin(elevation), (ROWS + 1, COLUMNS + 1)),
            ],
            axis=-1,
        )
        vertices = np.zeros(xyz.shape[:2], dtype=[("xyz", "<f4", 3), ("uv", "<f4", 2)])
        vertices["xyz"] = xyz
        vertices["uv"] = np.stack(np.broadcast_arrays(u, v[:, None]), axis=-1)
        first = np.arange(xyz.shape[0] * xyz.shape[1]).reshape(xyz.shape[:2])[:-1, :-1].reshape(-1, 1)
        width = COLUMNS + 1
        triangles = (first + np.array([0, width, width + 1, 0, width + 1, 1])).reshape(-1, 3)
        sectors.append(make_geom(GeomVertexFormat.get_v3t2(), vertices, triangles))
    return tuple(sectors)
