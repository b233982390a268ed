"""Streaks of rain before the lens."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

LAYERS = 12  # streak patterns of one episode
STREAKS = 0.13  # at precipitation 100, by the number of pixels to the power of 3/4


class Rain:
    """Draws some of the patterns of one episode over a picture.

    Args:
        width: In pixels.
        height: In pixels.
        strength: Precipitation in (0, 1].
        seed: Of the patterns.
    """

    def __init__(self, width: int, height: int, strength: float, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self._layers = [_pattern(rng, width, height, strength) for _ in range(LAYERS)]

    def add(self, picture: npt.NDArray[np.float32], moment: int, color: tuple[float, float, float]) -> None:
        """Lighten (H, W, 3) `picture`, in [0, 255], along the streaks that `moment` chooses."""
        layer = self._layers[moment % LAYERS]
        cover = np.roll(layer, (moment // LAYERS) % layer.shape[1], axis=1)
        for c in range(3):
            plane = picture[..., c]
            plane += (np.float32(255.0 * min(color[c] * 1.5 + 0.12, 1.0)) - plane) * cover


def _pattern(rng: np.random.Generator, width: int, height: int, strength: float) -> npt.NDArray[np.float32]:
    """Cover of the streaks (H, W) in [0, 1]."""
    count = int(STREAKS * strength * (width * height) ** 0.75)
    cover = np.zeros((height, width), np.float32)
    length = rng.uniform(0.03, 0.13, count) * height
    x, y = rng.uniform(0, width, count), rng.uniform(-0.1, 1.0, count) * height
    weight = rng.uniform(0.10, 0.42, count).astype(np.float32)
    slant = 0.13 + rng.normal(0.0, 0.02, count)
    for step in range(int(0.13 * height) + 1):
        on = length > step
        row, column = (y[on] + step).astype(int), (x[on] + slant[on] * step).astype(int) % width
        inside = (row >= 0) & (row < height)
        np.maximum.at(cover, (row[inside], column[inside]), weight[on][inside])
    return cover
