"""The driving tasks, by name."""

from semore_gym.registry import Registry
from semore_gym.scenarios.base import Scenario

SCENARIOS: Registry[Scenario] = Registry(
    "scenario",
    {
        "JayWalk": "semore_gym.scenarios.jaywalk:JayWalk",
        "HighBeam": "semore_gym.scenarios.highbeam:HighBeam",
        "HighWay": "semore_gym.scenarios.highway:HighWay",
    },
)

__all__ = ["SCENARIOS"]
