"""Simulators that an environment can drive in, by name."""

from semore_gym.backends.base import Backend
from semore_gym.registry import Registry

BACKENDS: Registry[Backend] = Registry(
    "backend",
    {
        "carla": "semore_gym.backends.carla.backend:CarlaBackend",
        "embedded": "semore_gym.backends.embedded.backend:EmbeddedBackend",
    },
)

__all__ = ["BACKENDS"]
