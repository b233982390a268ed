"""Driving tasks, vision-language masks and Semore for visual reinforcement learning.

Importing this package registers the environments `SemoreCarla-<Scenario>-v0`, one for each entry of
`semore_gym.scenarios.SCENARIOS`. Simulators and torch are imported when they are first used.
"""

from importlib.metadata import version

import gymnasium

from semore_gym.backends.carla.config import CarlaConfig
from semore_gym.make_env import make_env
from semore_gym.scenarios import SCENARIOS

__version__ = version("semore-gym")
__all__ = ["CarlaConfig", "make_env", "register_scenario"]


def register_scenario(name: str, entry: str) -> None:
    """Add a scenario of your own, and its environment `SemoreCarla-<name>-v0`.

    Args:
        name: The scenario's name.
        entry: Where its class lives, `"module:Class"`.

    Raises:
        ValueError: If the name is taken by another scenario or the entry is not of that form.
    """
    SCENARIOS.register(name, entry)
    id = f"SemoreCarla-{name}-v0"
    if id not in gymnasium.registry:
        gymnasium.register(id, "semore_gym.envs.driving_env:DrivingEnv", kwargs={"scenario": name})


for _name, _entry in SCENARIOS.items():
    register_scenario(_name, _entry)
