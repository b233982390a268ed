"""Which backend an environment gets."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from semore_gym.backends import BACKENDS
from semore_gym.backends.base import Backend, CameraConfig
from semore_gym.backends.carla.config import CARLA_VARIABLE, CarlaConfig

logger = logging.getLogger(__name__)


def backend_name(name: str | None, carla: bool) -> str:
    """Which backend a name means; None is "carla" where CARLA is configured, "embedded" elsewhere.

    Args:
        name: A name in `BACKENDS`, or None.
        carla: Whether a CARLA server was given; the variable SEMORE_CARLA gives one too.

    Raises:
        ValueError: If a server was given to another backend.
    """
    if name is None:
        return "carla" if carla or os.environ.get(CARLA_VARIABLE) else "embedded"
    if carla and name != "carla":
        raise ValueError(f"carla= needs backend='carla', got backend={name!r}")
    return name


def make_backend(
    name: str | None, camera: CameraConfig, carla: CarlaConfig | Mapping[str, Any] | None
) -> Backend:
    """Make the backend of an environment; the arguments are those of `DrivingEnv`."""
    chosen = backend_name(name, carla is not None)
    if name is None and chosen == "embedded":
        _say_embedded()
    if carla is None:
        return BACKENDS.load(chosen)(camera)  # type: ignore[call-arg]
    config = carla if isinstance(carla, CarlaConfig) else CarlaConfig.from_environment(**carla)
    return BACKENDS.load(chosen)(camera, config)  # type: ignore[call-arg]


@cache
def _say_embedded() -> None:
    """Once a process, however many environments there are."""
    logger.debug("no CARLA address given: driving in the embedded simulator")
