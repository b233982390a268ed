"""From the drawing to the picture: light, headlamps, haze, wet road, glare and rain, pixel by pixel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from semore_gym.backends.embedded.drawing.canvas import Z_BITS, Drawing, depth_of
from semore_gym.backends.embedded.drawing.daylight import Daylight
from semore_gym.backends.embedded.drawing.rain import Rain
from semore_gym.backends.embedded.scenery.mesh import encode
from semore_gym.tags import SemanticTag

Floats = npt.NDArray[np.float32]

Z_SHIFT = 4  # depth buffer values are looked up in steps of 2**Z_SHIFT
HEADLAMP = (0.95, 0.92, 0.80)  # light of the ego's headlamps on a white surface at its brightest
WET = (SemanticTag.ROADS, SemanticTag.ROAD_LINE, SemanticTag.SIDEWALKS)
GLARE_SIZE = 0.42  # radius of the halo of a lamp of strength 1, by the picture's height
GLOW, SPREAD = 0.34, 0.22  # of the soft part of a halo: brightness, and its fall by the halo's radius


class Glare(NamedTuple):
    """A lamp that shines into the camera."""

    u: float  # where it is seen, in widths of the picture from its left edge
    v: float  # where it is seen, in heights of the picture from its top edge
    distance: float  # distance along the optical axis [m]
    strength: float
    color: tuple[float, float, float]


class Lens:
    """Develops the drawings of one camera in one weather.

    Args:
        width: In pixels.
        height: In pixels.
        fov: Horizontal field of view [deg].
        light: The weather's light.
        seed: Of the rain.
        lamps: How far ahead of the camera the ego's headlamps are [m].
    """

    def __init__(self, width: int, height: int, fov: float, light: Daylight, seed: int, lamps: float) -> None:
        self._light = light
        z = np.arange(0, 2 ** (Z_BITS - Z_SHIFT) + 1, dtype=np.int64) << Z_SHIFT
        distance = depth_of(z)
        clear = np.exp(-light.extinction * np.maximum(distance - light.haze_start, 0.0))
        clear[0] = 1.0  # the sky's colours hold their own haze
        self._clear = clear.astype(np.float32)
        self._glow = ((np.arange(256) & 4) > 0).astype(np.float32)
        self._even = light.gain == (1.0, 1.0, 1.0)
        self._out = np.empty((height, width, 3), np.float32)
        self._beam = _beam(width, height, fov) if light.night else None
        self._reach = _reach(distance - lamps)
        self._wet, self._mirror = _wet_tables(light, distance)
        self._rain = Rain(width, height, light.rain, seed) if light.rain > 0.0 else None
        self._halo = _halo(height)

    def __call__(self, drawing: Drawing, glares: Sequence[Glare], moment: int) -> npt.NDArray[np.uint8]:
        """Develop a drawing.

        Args:
            drawing: What the camera saw.
            glares: Lamps that shine into it.
            moment: Chooses where the rain drops are.

        Returns:
            (H, W, 3) uint8.
        """
        light, out = self._light, self._out
        step = drawing.z >> Z_SHIFT
        clear = self._clear.take(step, mode="clip")
        alpha = drawing.bgra[..., 3]
        glow = None if self._even else self._glow.take(alpha)
        lamp = None if self._beam is None else self._beam * self._reach.take(step, mode="clip")
        mirror = None
        if self._wet is not None:
            mirror = self._wet.take(alpha) * self._mirror.take(step, mode="clip")
        veil = 1.0 - clear
        for c in range(3):
            plane = drawing.bgra[..., 2 - c].astype(np.float32)
            if glow is not None:
                gain = np.float32(light.gain[c]) if lamp is None else light.gain[c] + HEADLAMP[c] * lamp
                plane *= gain + (1.0 - gain) * glow
            if mirror is not None:
                plane += (np.float32(255.0 * light.horizon[c]) - plane) * mirror
            plane *= clear
            plane += np.float32(255.0 * light.haze[c]) * veil
            out[..., c] = plane
        if glares:
            self._add_glares(drawing, glares)
        if self._rain is not None:
            self._rain.add(out, moment, light.haze)
        np.clip(out, 0.0, 255.0, out=out)
        return out.astype(np.uint8)

    def _add_glares(self, drawing: Drawing, glares: Sequence[Glare]) -> None:
        height, width, _ = self._out.shape
        depth_step = drawing.z >> Z_SHIFT
        for glare in glares:
            x, y = int(glare.u * width), int(glare.v * height)
            if not (0 <= x < width and 0 <= y < height):
                continue
            seen = float(depth_of(depth_step[y, x] << Z_SHIFT))
            if seen < glare.distance - 1.0:
                continue
            _stamp(self._out, self._halo, x, y, glare)


def _stamp(out: Floats, halo: Floats, x: int, y: int, glare: Glare) -> None:
    """Add a halo, cropped at the edges and where it is too weak to be seen."""
    middle = halo.shape[0] // 2
    weak = 255.0 * GLOW * glare.strength
    r = int(min(1.0, max(SPREAD * math.log(max(weak, 1.0)), 0.15)) * middle)
    height, width, _ = out.shape
    x0, x1, y0, y1 = max(x - r, 0), min(x + r + 1, width), max(y - r, 0), min(y + r + 1, height)
    part = halo[y0 - y + middle : y1 - y + middle, x0 - x + middle : x1 - x + middle]
    for c in range(3):
        out[y0:y1, x0:x1, c] += part * np.float32(255.0 * glare.strength * glare.color[c])


def _halo(height: int) -> Floats:
    """A bright core, a wide soft glow and faint rays; 1 in the middle."""
    radius = max(int(GLARE_SIZE * height), 4)
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1].astype(np.float32)
    r = np.hypot(x, y) / radius
    angle = np.arctan2(y, x)
    core = np.exp(-((r / 0.07) ** 2))
    glow = GLOW * np.exp(-r / SPREAD)
    rays = 0.25 * np.exp(-r / 0.30) * np.abs(np.cos(2.0 * angle + 0.4)) ** 24
    edge = np.clip((1.0 - r) / 0.25, 0.0, 1.0)
    halo: Floats = ((core + glow + rays) * edge).astype(np.float32)
    return halo


def _beam(width: int, height: int, fov: float) -> Floats:
    """How the ego's low beams light each direction: two flat cones with a cut-off at the horizon."""
    focal = width / 2.0 / math.tan(math.radians(fov) / 2.0)
    v, u = np.mgrid[0:height, 0:width].astype(np.float32)
    across = np.degrees(np.arctan((u + 0.5 - width / 2.0) / focal))
    below = np.degrees(np.arctan((v + 0.5 - height / 2.0) / focal))
    cones = sum(np.exp(-(((across - side) / 13.0) ** 2)) for side in (-8.0, 8.0))
    cut = 1.0 / (1.0 + np.exp(-(below + 1.0) / 0.9))
    near = np.exp(-((np.maximum(below - 9.0, 0.0) / 13.0) ** 2))
    beam: Floats = (cones * (0.10 + 0.90 * cut) * near).astype(np.float32)
    return beam


def _reach(distance: Floats) -> Floats:
    """Light of the headlamps by the distance before them; none behind."""
    lit = 1.0 / (1.0 + (distance / 26.0) ** 2)
    reach: Floats = (lit * np.clip(distance / 5.0, 0.0, 1.0)).astype(np.float32)
    return reach


def _wet_tables(light: Daylight, distance: Floats) -> tuple[Floats | None, Floats]:
    """Which alpha values are wet, and how much they mirror the sky at each distance."""
    grazing = np.clip(1.0 - 4.5 / np.maximum(distance, 4.5), 0.0, 1.0)
    mirror = (light.wetness * (0.06 + 0.50 * grazing**2)).astype(np.float32)
    if light.wetness == 0.0:
        return None, mirror
    wet = np.zeros(256, np.float32)
    for tag in WET:
        wet[encode(tag) & ~7 : (encode(tag) & ~7) + 8] = 0.5 if tag is SemanticTag.SIDEWALKS else 1.0
    return wet, mirror
