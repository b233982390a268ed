"""Matrices of trials: methods x scenarios x seeds, read from small YAML files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from semore_gym.config import TrainConfig
from semore_gym.envs.naming import env_id
from semore_gym.policies import ALGORITHMS
from semore_gym.scenarios import SCENARIOS
from semore_gym.utils.files import expanded
from semore_gym.utils.signatures import check_names

KEYS = ["methods", "scenarios", "seeds", "settings"]
SET_BY_MATRIX = {"env", "seed", "label"}  # fields of TrainConfig
HERE = Path(__file__).parent


@dataclass(frozen=True)
class PlannedTrial:
    """One training run of a matrix."""

    name: str
    """The trial's name and its folder's, <method>-<scenario>-seed<seed>."""
    config: TrainConfig


@dataclass(frozen=True)
class Matrix:
    """What is run, with nothing left open."""

    name: str
    """The name of the matrix file."""
    budget: str
    """The name of the budget."""
    methods: dict[str, dict[str, Any]]
    """The fields of TrainConfig in which each method differs from the defaults, by the method's label."""
    scenarios: list[str]
    """The scenarios' names in SCENARIOS, "my_module:name" where my_module registers it."""
    seeds: int
    """How many seeds there are; they count from 0."""

    def trials(self) -> list[PlannedTrial]:
        """Every method in every scenario with every seed; what has the first seed comes first."""
        return [
            self._trial(method, scenario, seed)
            for seed in range(self.seeds)
            for scenario in self.scenarios
            for method in self.methods
        ]

    def _trial(self, method: str, scenario: str, seed: int) -> PlannedTrial:
        settings = self.methods[method]
        name = scenario.rpartition(":")[2]
        label = None if settings["algo"] == method else method
        config = TrainConfig(env=env_id(scenario), seed=seed, label=label, **settings)
        return PlannedTrial(f"{method}-{name}-seed{seed}", config)


def read_matrix(source: str, budget: str, seeds: int | None = None) -> Matrix:
    """Read a matrix file and spell it out under a budget.

    Args:
        source: Name of a matrix that ships with the package (table1, table2, shift), or a YAML file with
            `methods` (by label, each with fields of TrainConfig, `algo` being the label if it is not given),
            `scenarios`, and maybe `settings` (fields of TrainConfig for every method) and `seeds` (how many).
        budget: Name of a budget: smoke, laptop or paper.
        seeds: How many seeds; None is what the file says, or else the budget.

    Raises:
        ValueError: If a file, a name, a key or a value is not what it must be.

    Example:
        >>> from semore_gym.benchmark.matrix import read_matrix
        >>> len(read_matrix("table1", "smoke").trials())
        42
    """
    budgets = _read(HERE / "budgets.yaml")
    if budget not in budgets:
        raise ValueError(f"unknown budget {budget!r}; known: {', '.join(budgets)}")
    path = _find(source)
    given = _read(path)
    check_names(f"keys of {path}", given, KEYS)
    scenarios = _scenarios(given.get("scenarios"), path)
    limits = budgets[budget]
    shared = _fields(given.get("settings"), f"settings of {path}")
    methods = {
        _label(label, path): _method(label, _fields(own, f"method {label} of {path}"), shared, limits)
        for label, own in _mapping(given.get("methods"), f"methods of {path}").items()
    }
    count = seeds if seeds is not None else given.get("seeds", limits["seeds"])
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise ValueError(f"seeds must be how many, an integer of at least 1, got {count!r}")
    return Matrix(path.stem, budget, methods, scenarios, count)


def _method(
    label: str, own: Mapping[str, Any], shared: Mapping[str, Any], limits: Mapping[str, Any]
) -> dict[str, Any]:
    algo = own.get("algo", label)
    ALGORITHMS[str(algo)]  # unknown: an error that lists the known ones
    of_algorithm = limits.get("algorithms", {}).get(algo, {})
    merged = _merged(limits["settings"], of_algorithm, shared, {**own, "algo": algo})
    algorithm = ALGORITHMS.load(str(algo))
    merged.setdefault("observation", algorithm.observation)
    if "image_size" not in own:  # what a crop is to leave, then
        side = merged.get("image_size", TrainConfig.image_size)
        merged["image_size"] = algorithm.rendered_side(side, merged.get("algo_options", {}))
    return merged


def _find(source: str) -> Path:
    shipped = sorted((HERE / "matrices").glob("*.yaml"))
    path = next((path for path in shipped if path.stem == source), expanded(source))
    if not path.is_file():
        known = ", ".join(path.stem for path in shipped)
        raise ValueError(f"no matrix {source!r}: expected a YAML file or one of {known}")
    return path


def _read(path: Path) -> dict[str, Any]:
    try:
        return _mapping(yaml.safe_load(path.read_text(encoding="utf-8")), str(path))
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is no YAML: {error}") from error


def _mapping(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not value:
        raise ValueError(f"{what} must be a mapping with at least one entry, got {value!r}")
    return value


def _scenarios(value: Any, path: Path) -> list[str]:
    if not isinstance(value, list) or not value or len(set(map(str, value))) < len(value):
        raise ValueError(f"scenarios of {path} must be a list of different names, got {value!r}")
    for name in value:
        SCENARIOS[str(name)]  # unknown: an error that lists the known ones
    return value


def _label(label: Any, path: Path) -> str:
    """A label is a part of a folder's name, in which a hyphen stands between the parts."""
    if not isinstance(label, str) or not re.fullmatch(r"\w[\w.]*", label, re.ASCII):
        raise ValueError(f"a method of {path} must be named by letters, digits, _ and ., got {label!r}")
    return label


def _fields(value: Any, what: str) -> dict[str, Any]:
    """Fields of TrainConfig; none where there is nothing behind the colon."""
    if value is None:
        return {}
    known = [item.name for item in fields(TrainConfig) if item.name not in SET_BY_MATRIX]
    check_names(what, _mapping(value, what), known)
    return dict(value)


def _merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Later layers go over earlier ones; options, which are mappings, do so key by key."""
    merged: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.items():
            if isinstance(value, dict) and isinstance(merged.get(name), dict):
                value = {**merged[name], **value}
            merged[name] = value
    return merged
