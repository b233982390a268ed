"""Trees, bushes and the ring of hills around the horizon."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from semore_gym.backends.embedded.scenery.mesh import Mesh
from semore_gym.tags import SemanticTag

BARK = (0.30, 0.22, 0.16)
LEAVES = ((0.20, 0.40, 0.13), (0.27, 0.46, 0.15), (0.16, 0.34, 0.15), (0.36, 0.46, 0.16), (0.24, 0.38, 0.20))
NEEDLES = ((0.11, 0.27, 0.16), (0.14, 0.30, 0.15))
HILLS_RADIUS = 1100.0  # [m]


def tree(rng: np.random.Generator, fine: bool, height: float) -> Mesh:
    """A broad-leaved tree of some height [m] on its origin."""
    mesh = Mesh()
    color = np.array(LEAVES[rng.integers(len(LEAVES))]) * rng.uniform(0.9, 1.15)
    trunk = 0.026 * height
    mesh.cone(trunk, 0.0, 0.5 * height, BARK, SemanticTag.VEGETATION, sides=4 if fine else 3, top=0.7 * trunk)
    sides, rings = (7, 4) if fine else (5, 3)
    main = np.array([0.29, 0.29, 0.30]) * height * rng.uniform(0.9, 1.1, 3)
    mesh.blob((0, 0, 0.66 * height), main, color, SemanticTag.VEGETATION, sides=sides, rings=rings)
    for angle in rng.uniform(0, 2 * np.pi) + np.array([0.0, 2.1, 4.2]) if fine else ():
        spot = (0.17 * height * np.cos(angle), 0.17 * height * np.sin(angle), height * rng.uniform(0.5, 0.8))
        tint = color * rng.uniform(0.85, 1.2)
        mesh.blob(spot, main * rng.uniform(0.55, 0.7), tint, SemanticTag.VEGETATION, sides=6, rings=3)
    return mesh


def conifer(rng: np.random.Generator, fine: bool, height: float) -> Mesh:
    """A fir of some height [m] on its origin."""
    mesh = Mesh()
    color = np.array(NEEDLES[rng.integers(len(NEEDLES))]) * rng.uniform(0.9, 1.2)
    mesh.cone(0.03 * height, 0.0, 0.2 * height, BARK, SemanticTag.VEGETATION, sides=3, top=0.03 * height)
    tiers = ((0.12, 0.55, 0.20), (0.36, 0.78, 0.15), (0.60, 1.0, 0.10)) if fine else ((0.12, 1.0, 0.18),)
    for low, high, wide in tiers:
        tint = color * (0.8 + 0.3 * high)
        mesh.cone(
            wide * height, low * height, high * height, tint, SemanticTag.VEGETATION, sides=6 if fine else 4
        )
    return mesh


def bush(rng: np.random.Generator, fine: bool, height: float) -> Mesh:
    """A bush of some height [m] on its origin."""
    mesh = Mesh()
    color = np.array(LEAVES[rng.integers(len(LEAVES))]) * rng.uniform(0.8, 1.1)
    size = height * np.array([0.8, 0.8, 0.62]) * rng.uniform(0.8, 1.2, 3)
    mesh.blob(
        (0, 0, 0.4 * height),
        size,
        color,
        SemanticTag.VEGETATION,
        sides=6 if fine else 4,
        rings=3 if fine else 2,
    )
    return mesh


def hills(rng: np.random.Generator, rise: float) -> Mesh:
    """A ring of two ridges around the origin, the farther one higher and bluer.

    Args:
        rng: Draws their shape.
        rise: Mean height of the nearer ridge [m].
    """
    mesh = Mesh()
    for scale, factor, color in ((1.12, 2.3, (0.42, 0.52, 0.56)), (1.0, 1.0, (0.29, 0.42, 0.24))):
        azimuth = np.linspace(0.0, 2.0 * np.pi, 65)
        height = np.maximum(rise * factor * (1.0 + 0.75 * _periodic(rng, azimuth)), 2.0)
        base = scale * HILLS_RADIUS * np.column_stack([np.cos(azimuth), np.sin(azimuth)])
        z = np.stack([np.full(len(azimuth), -25.0), height], axis=1)
        light = 1.0 + 0.12 * _periodic(rng, azimuth * 3.0)
        tint = np.asarray(color) * light[:, None, None] * np.array([1.0, 1.12])[None, :, None]
        grid = np.concatenate([np.repeat(base[:, None], 2, axis=1), z[..., None]], axis=-1)
        mesh.sheet(grid[::-1], tint[::-1], SemanticTag.TERRAIN)
    return mesh


def _periodic(rng: np.random.Generator, azimuth: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Smooth noise around the circle, about in [-1, 1]."""
    waves = [(k, rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 1.0) / k**0.7) for k in (2, 3, 5, 8, 13, 21)]
    total = sum(weight * np.sin(k * azimuth + shift) for k, shift, weight in waves)
    result: npt.NDArray[np.float64] = np.asarray(total) / 1.6
    return result
