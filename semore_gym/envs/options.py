"""Checks of a DrivingEnv's arguments; each error names the argument, what came and what is allowed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from semore_gym.backends.base import Control
from semore_gym.scenarios import SCENARIOS
from semore_gym.scenarios.base import Scenario
from semore_gym.scenarios.weather import WEATHERS
from semore_gym.utils.signatures import check_names


def check_int(name: str, value: Any, low: int, high: int) -> int:
    """Return `value` if it is an integer from `low` to `high`.

    Raises:
        ValueError: If it is not.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or not low <= value <= high:
        raise ValueError(f"{name} must be an integer from {low} to {high}, got {value!r}")
    return int(value)


def check_choice(name: str, value: str, known: Collection[str], hint: str = "") -> str:
    """Return `value` if it is one of `known`.

    Raises:
        ValueError: If it is not; the message lists the known ones and ends with `hint`.
    """
    if value not in known:
        raise ValueError(f"unknown {name} {value!r}; known: {', '.join(sorted(known))}{hint}")
    return value


def choose_scenario(
    scenario: str | Scenario, options: Mapping[str, Any] | None, weather: str | None
) -> Scenario:
    """A scenario with some of its fields replaced.

    Args:
        scenario: A name in `SCENARIOS`, or a Scenario.
        options: Fields to replace.
        weather: A name in `WEATHERS`; None keeps the scenario's.

    Raises:
        ValueError: If a name or a field is unknown, the scenario refuses a field's value, or is none.
    """
    chosen = SCENARIOS.load(scenario)() if isinstance(scenario, str) else scenario  # type: ignore[call-arg]
    if not isinstance(chosen, Scenario):
        raise ValueError(
            f"scenario must be a name in SCENARIOS or a Scenario, got {chosen!r}; a spec that goes through "
            "JSON keeps a name and scenario_options only"
        )
    check_names("scenario_options", options or {}, sorted(field.name for field in fields(chosen)))
    if weather is not None:
        options = {**(options or {}), "weather": weather}
    check_choice("weather", (options or {}).get("weather", chosen.weather), WEATHERS)
    return replace(chosen, **(options or {}))


def to_control(action: npt.NDArray[np.float32]) -> Control:
    """What an action (steer, throttle; negative throttle = brake) tells the simulator to do.

    Args:
        action: (2,), clipped to [-1, 1].

    Raises:
        ValueError: If the action has another shape or is not finite.
    """
    values = np.asarray(action, dtype=np.float64)
    if values.shape != (2,):
        raise ValueError(f"action must have shape (2,), got {values.shape}")
    if not np.isfinite(values).all():
        raise ValueError(f"action must be finite, got {values.tolist()}")
    steer, throttle = (min(max(float(value), -1.0), 1.0) for value in values)
    return Control(steer, max(throttle, 0.0), max(-throttle, 0.0))
