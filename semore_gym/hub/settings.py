"""What makes a model the one that it is, apart from its tensors, as JSON."""

from __future__ import annotations

import logging
import sys
from enum import Enum
from typing import Any

import torch
from stable_baselines3.common.buffers import BaseBuffer
from stable_baselines3.common.policies import BasePolicy

from semore_gym.policies import VisualPolicy, VisualSAC
from semore_gym.utils.signatures import check_names

logger = logging.getLogger(__name__)

# Of this machine or of the training that is over: not shared.
OF_THE_RUN = {"algorithm", "ep_info_buffer", "ep_success_buffer", "start_time", "tensorboard_log", "verbose"}
TEMPERATURE = {"log_ent_coef", "ent_coef_optimizer"}  # which a model without networks does not know to be one
CLASSES = (BasePolicy, BaseBuffer, torch.nn.Module, torch.optim.Optimizer)


def blank(algorithm: type[VisualSAC]) -> VisualSAC:
    """A model without an environment or networks: what it has as public attributes are the settings."""
    return algorithm(VisualPolicy, None, _init_setup_model=False)  # type: ignore[arg-type]


def settings_of(model: VisualSAC) -> dict[str, Any]:
    """The settings of a model.

    What JSON cannot hold, such as a learning rate's schedule, is left out with a warning; action noise, which
    is no part of the agent, without one.

    Raises:
        ValueError: If `policy_kwargs` or `policy_class` is among that: without them the networks are others.
    """
    found, left_out = {}, []
    for name in sorted(_names(blank(type(model)))):
        try:
            found[name] = to_json(_of_any_machine(name, getattr(model, name)))
            from_json(found[name])  # what cannot be read back is not written
        except ValueError as error:
            if name in ("policy_class", "policy_kwargs"):
                raise ValueError(f"{name} cannot be shared: {error}") from error
            if name != "action_noise":  # which only the training's own driving had
                left_out.append(name)
    if left_out:
        logger.warning("not shared, since JSON cannot hold them: %s", ", ".join(left_out))
    return found


def give_settings(model: VisualSAC, settings: dict[str, Any]) -> None:
    """Set the settings of a blank model; one that is not there keeps its default.

    Raises:
        ValueError: If there is one which the model does not have, of another kind, or naming a module.
    """
    check_names("settings", settings, sorted(_names(model)))
    for name, written in settings.items():
        default, value = getattr(model, name), from_json(written)
        if default is not None and not _alike(default, value):
            raise ValueError(f"setting {name} must be like {default!r}, got {written!r}")
        setattr(model, name, tuple(value) if isinstance(value, list) else value)


def _names(model: VisualSAC) -> set[str]:
    kept_elsewhere = {*model._excluded_save_params(), *OF_THE_RUN, *TEMPERATURE}
    return {name for name in vars(model) if not name.startswith("_")} - kept_elsewhere


def _of_any_machine(name: str, value: Any) -> Any:
    """Leave out where this machine kept the replay buffer's frames."""
    if name != "replay_buffer_kwargs":
        return value
    return {key: item for key, item in value.items() if key != "storage_device"}


def _alike(default: Any, value: Any) -> bool:
    for kind in (bool, dict, type):
        if isinstance(default, kind) or isinstance(value, kind):
            return isinstance(default, kind) and isinstance(value, kind)
    # a temperature may be a number or "auto", a training frequency a number or a list
    return isinstance(default, str) or not isinstance(value, str)


def to_json(value: Any) -> Any:
    """Turn a value into what JSON holds; a class becomes its name.

    Raises:
        ValueError: If it cannot be.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, type):
        return {"class": f"{value.__module__}:{value.__qualname__}"}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: to_json(item) for key, item in value.items()}
    raise ValueError(f"{type(value).__name__} is nothing that JSON can hold")


def from_json(value: Any) -> Any:
    """Turn back what `to_json` made, but that tuples are lists.

    Raises:
        ValueError: If a class is not imported already, or a string could make a registry import a module.
    """
    if isinstance(value, dict):
        if value.keys() == {"class"}:
            return _class(value["class"])
        return {key: from_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if isinstance(value, str) and ":" in value:  # a registry would import the module in front of the colon
        raise ValueError(f"a shared agent must not name a module, got {value!r}")
    return value


def _class(name: str) -> type:
    """Find a class among those that are imported: reading a file must import nothing that it names."""
    module, _, attribute = name.partition(":")
    found = getattr(sys.modules.get(module), attribute, None)
    if not (isinstance(found, type) and issubclass(found, CLASSES)):
        raise ValueError(f"no policy, encoder, buffer or optimizer {name!r} is imported")
    return found
