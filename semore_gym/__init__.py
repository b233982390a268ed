"""Driving tasks, vision-language masks and Semore for visual reinforcement learning.

Importing this package registers the environments `SemoreCarla-<Scenario>-v0`, one for each entry of
`semore_gym.scenarios.SCENARIOS`. Simulators and torch are imported when they are first used.
"""

from importlib.metadata import version

import gymnasium

from semore_gym.make_env import make_env
from semore_gym.scenarios import SCENARIOS

__version__ = version("semore-gym")
__all__ = ["make_env", "register_envs"]


def register_envs() -> None:
    """Register one environment for each scenario; done at import, and again after adding your own."""
    for name in SCENARIOS:
        id = f"SemoreCarla-{name}-v0"
        if id not in gymnasium.registry:
            gymnasium.register(id, "semore_gym.envs.driving_env:DrivingEnv", kwargs={"scenario": name})


register_envs()
