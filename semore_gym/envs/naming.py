"""What a config's environment is called: its scenario, its weather, and the shifts away from them."""

from __future__ import annotations

from dataclasses import replace

from semore_gym.config import EnvConfig, TrainConfig
from semore_gym.envs.options import choose_scenario
from semore_gym.registry import import_prefix
from semore_gym.scenarios import SCENARIOS
from semore_gym.scenarios.weather import WEATHERS


def scenario_name(env: str) -> str:
    """The scenario of an environment id, "HighWay" of "SemoreCarla-HighWay-v0"."""
    return import_prefix("env", env).removeprefix("SemoreCarla-").removesuffix("-v0")


def env_id(scenario: str) -> str:
    """The environment id of a scenario, "mine:SemoreCarla-Farm-v0" of "mine:Farm"."""
    module, colon, name = scenario.rpartition(":")
    return f"{module}{colon}SemoreCarla-{name}-v0"


def scenario_and_weather(config: EnvConfig) -> tuple[str, str]:
    """Scenario and weather of a config.

    Raises:
        ValueError: If one of them, or a field of the scenario, is unknown.
    """
    scenario = scenario_name(config.env)
    return scenario, choose_scenario(scenario, config.scenario_options, config.weather).weather


def shifted_config(config: TrainConfig, shift: str) -> TrainConfig:
    """The config of a training, moved to a weather or scenario that it has not seen.

    Args:
        config: Of the training.
        shift: One of its `shifts`: a name in `WEATHERS`, or in `SCENARIOS` ("my_module:name" where my_module
            registers it), which brings its own fields.

    Raises:
        ValueError: If it is neither, or where the training is.
    """
    if shift in WEATHERS:
        shifted = replace(config, weather=shift)
    elif import_prefix("shift", shift) in SCENARIOS:
        shifted = replace(config, env=env_id(shift), scenario_options={})
    else:
        known = f"weathers {', '.join(WEATHERS)}; scenarios {', '.join(SCENARIOS)}"
        raise ValueError(f"unknown shift {shift!r}; known: {known}")
    if scenario_and_weather(shifted) == scenario_and_weather(config):
        raise ValueError(f"shifts must be elsewhere than the training, got {shift!r}: it trains there")
    return shifted
