"""What an environment sees of its simulator: pictures, or the state as numbers."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from semore_gym.backends.base import CHASE_SHAPE, Backend, Image, SimulatorError, Tick
from semore_gym.envs.state import encode_state, state_space

logger = logging.getLogger(__name__)

OBSERVATIONS = ("image", "state")


class Observer:
    """Looks at one backend.

    Args:
        backend: The simulator.
        kind: One of `OBSERVATIONS`.
        image_size: Side of the pictures [px].
        extras: Kinds of pictures to take with every observation.

    Attributes:
        space: The space of observations.
        observation: The last observation.
        images: The pictures that go with it, by kind.
    """

    def __init__(self, backend: Backend, kind: str, image_size: int, extras: Sequence[str]) -> None:
        self._backend, self._kind, self._extras = backend, kind, extras
        size = (image_size, image_size)
        self._blanks: dict[str, tuple[tuple[int, ...], type]] = {
            "segmentation": (size, np.uint8),
            "depth": (size, np.float32),
            "chase": (CHASE_SHAPE, np.uint8),
        }
        self.space = state_space() if kind == "state" else spaces.Box(0, 255, (*size, 3), np.uint8)
        self.observation: npt.NDArray[Any]
        self.images: dict[str, Image] = {}

    def look(self, tick: Tick) -> None:
        """Observe the state after `tick`.

        Raises:
            SimulatorError: If the simulator is lost; see `look_away`.
        """
        self.images = {kind: self._backend.image(kind) for kind in self._extras}
        if self._kind == "state":
            self.observation = encode_state(tick, self._backend.surroundings())
        else:
            self.observation = self._backend.image("rgb")

    def look_away(self) -> None:
        """Let the last observation stand in for one that cannot be had; nobody learns from it."""
        self.observation = self.observation.copy()

    def picture(self, kind: str) -> Image:
        """A picture of now; all zero if the simulator is lost, which the next step will say."""
        try:
            return self._backend.image(kind)
        except SimulatorError as error:
            logger.debug("no %s picture: %s", kind, error)
            shape, dtype = self._blanks[kind]
            return np.zeros(shape, dtype)
