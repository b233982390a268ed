"""Masks from the simulator's own segmentation, as perfect or imperfect as wanted."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, ClassVar, Protocol, cast

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from semore_gym.masks.base import Images
from semore_gym.tags import PEOPLE, VEHICLES, SemanticTag

BLOB_RADIUS = (0.02, 0.1)  # of a false blob's half axes, in parts of the image's side


class _Segmenting(Protocol):
    def segmentation(self) -> npt.NDArray[np.uint8]: ...


class OracleMasks:
    """Marks the chosen classes in the true segmentation, with imperfections on request.

    Needs an environment with a method `segmentation()` that gives the current frame's semantic tags,
    (H, W) uint8, as `DrivingEnv` has.

    Args:
        classes: What matters, as CARLA's semantic tags; vehicles and people by default.
        lane_marks: Whether lane marks matter too.
        missed: Probability in [0, 1] that an object, a connected group of marked pixels, is left out;
            drawn anew for each mask.
        blur: Standard deviation of a Gaussian blur [px].
        false_blobs: Mean number of ellipses where there is nothing (Poisson), each of half axes 2% to
            10% of the image's side.
        delay: Age of the masks, counted in masks (agent steps when one is made every step). The first
            `delay` masks of an episode are zero: none has arrived yet.

    Raises:
        ValueError: If an argument is out of range.

    Example:
        >>> from semore_gym import make_env
        >>> env = make_env("SemoreCarla-JayWalk-v0", masks=OracleMasks(missed=0.2, false_blobs=0.5))
    """

    every: ClassVar[int] = 1

    def __init__(
        self,
        classes: Iterable[int] = VEHICLES | PEOPLE,
        *,
        lane_marks: bool = False,
        missed: float = 0.0,
        blur: float = 0.0,
        false_blobs: float = 0.0,
        delay: int = 0,
    ) -> None:
        if not 0.0 <= missed <= 1.0:
            raise ValueError(f"missed must be a probability in [0, 1], got {missed!r}")
        for name, value in (("blur", blur), ("false_blobs", false_blobs), ("delay", delay)):
            if not 0 <= value < np.inf:
                raise ValueError(f"{name} must be finite and at least 0, got {value!r}")
        if not isinstance(delay, int):
            raise ValueError(f"delay must be an integer, got {delay!r}")
        self._values = _lookup({*classes, SemanticTag.ROAD_LINE} if lane_marks else set(classes))
        self.missed = missed
        self.blur = blur
        self.false_blobs = false_blobs
        self.delay = delay
        self._env: _Segmenting | None = None
        self._rng: np.random.Generator
        self._waiting: deque[Images]

    def reset(self, env: gym.Env[Any, Any], rng: np.random.Generator) -> None:
        """Look at `env` from now on.

        Raises:
            TypeError: If the environment has no segmentation.
        """
        if not callable(getattr(env.unwrapped, "segmentation", None)):
            raise TypeError(
                f"OracleMasks needs an environment with a method segmentation() that gives (H, W) uint8 "
                f"semantic tags; {type(env.unwrapped).__name__} has none"
            )
        self._env = cast("_Segmenting", env.unwrapped)
        self._rng = rng
        self._waiting = deque()

    def __call__(self, frames: Images) -> Images:
        """Mask of the environment's current frame.

        Args:
            frames: (1, 3, H, W) uint8; only their number is looked at.

        Returns:
            (1, 1, H, W) uint8.
        """
        if self._env is None:
            raise RuntimeError("OracleMasks must be reset with an environment before it makes masks")
        if len(frames) != 1:
            raise ValueError(
                f"OracleMasks sees only the environment's current frame, got {len(frames)} frames"
            )
        mask = self._spoil(self._values[self._env.segmentation()])
        self._waiting.append(mask[np.newaxis, np.newaxis])
        if len(self._waiting) <= self.delay:
            return np.zeros_like(self._waiting[0])
        return self._waiting.popleft()

    def _spoil(self, mask: Images) -> Images:
        """Apply the imperfections to a mask, (H, W) uint8."""
        if self.missed:
            objects = connected_components(mask > 0)
            seen = self._rng.random(int(objects.max()) + 1) >= self.missed
            mask = mask * seen[objects]
        for _ in range(self._rng.poisson(self.false_blobs) if self.false_blobs else 0):
            mask = np.maximum(mask, _blob(mask.shape, self._rng))
        if self.blur:
            mask = np.array(Image.fromarray(mask).filter(ImageFilter.GaussianBlur(self.blur)))
        return mask


def connected_components(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Number the groups of touching pixels, diagonals included.

    Args:
        mask: (H, W) bool.

    Returns:
        (H, W) int64: 0 outside the mask, 1, 2, ... in its groups, in the order of their last pixels.
    """
    padded = np.pad(mask, 1)
    pixels = np.flatnonzero(padded)
    numbers = np.zeros(padded.size, np.int64)
    numbers[pixels] = np.arange(1, len(pixels) + 1)
    rows, columns = np.mgrid[-1:2, -1:2].reshape(2, 9)
    around = numbers[pixels[:, np.newaxis] + rows * padded.shape[1] + columns]  # (pixels, 9), 0 = outside
    labels = np.arange(len(pixels) + 1)
    while True:
        # A pixel takes the largest label around it, then the label that the pixel so named has by now.
        found = labels[labels[around].max(axis=1)]
        if np.array_equal(found, labels[1:]):
            break
        labels[1:] = found
    result = np.zeros(mask.shape, np.int64)
    result[mask] = np.unique(found, return_inverse=True)[1] + 1
    return result


def _lookup(classes: set[int]) -> Images:
    """Mask value of every tag, (256,) uint8."""
    values = np.zeros(256, np.uint8)
    for tag in classes:
        if tag not in set(SemanticTag):
            raise ValueError(f"classes must be semantic tags, 0 to {max(SemanticTag)}, got {tag!r}")
        values[tag] = 255
    return values


def _blob(shape: tuple[int, ...], rng: np.random.Generator) -> Images:
    """A filled ellipse somewhere in the image, (H, W) uint8."""
    height, width = shape
    y, x = rng.uniform(0, height), rng.uniform(0, width)
    half_y, half_x = rng.uniform(*BLOB_RADIUS, size=2) * (height, width)
    rows, columns = np.ogrid[:height, :width]
    distance = ((rows + 0.5 - y) / half_y) ** 2 + ((columns + 0.5 - x) / half_x) ** 2
    return np.where(distance <= 1.0, np.uint8(255), np.uint8(0))
