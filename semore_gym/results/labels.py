"""Names the rows of a report, so that nothing is averaged that does not belong together."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from semore_gym.results.read import Trial

# As their authors write them, in Table 1's order.
TITLES = {
    "sac": "SAC",
    "curl": "CURL",
    "flare": "Flare",
    "drq": "DrQ",
    "deepmdp": "DeepMDP",
    "simoun": "Simoun",
    "semore": "Semore",
    "rad": "RAD",
    "erpv": "ERPV",
    "state": "SAC from state",
    **{f"m{number}": f"M{number}" for number in range(1, 5)},
}
# Settings in which the seeds of one method may differ.
FREE = ("seed", "env", "label", "wandb", "shifts", "device", "threads", "n_envs", "checkpoint_every")


def name_trials(trials: Sequence[Trial]) -> dict[Path, str]:
    """A label for each trial; those that share label and scenario differ in their seeds only.

    A label is the method and what its config calls it, see `given_label`; the benchmark where there are
    several; the backend where there are several; the settings that differ; the run's folder where a seed
    comes twice.

    Returns:
        Labels by the run's folder, in the order in which reports show them.
    """
    benchmarks = _names(trial.benchmark for trial in trials if trial.benchmark)
    several = len({trial.benchmark for trial in trials}) > 1
    backends = {trial.facts["backend"] for trial in trials}
    labels: dict[Path, str] = {}
    for trial in sorted(trials, key=_rank):
        parts = [title(trial.facts["method"], given_label(trial))]
        if several and trial.benchmark is not None:
            parts.append(benchmarks[trial.benchmark])
        if len(backends) > 1:
            parts.append(trial.facts["backend"])
        labels[trial.path] = " · ".join(parts)
    return _told_apart(trials, labels)


def given_label(trial: Trial) -> str:
    """A trial's label, or the variant that its config asks for; an algorithm's own goes without saying."""
    config = trial.config
    return trial.facts["variant"] if config.label or "variant" in config.algo_options else ""


def title(method: str, label: str = "") -> str:
    """How a method is called in tables."""
    return " ".join(TITLES.get(part, part) for part in (method, label) if part)


def grouped(trials: Sequence[Trial], labels: Mapping[Path, str]) -> dict[tuple[str, str], list[Trial]]:
    """Trials by label and scenario, in the order of the labels."""
    groups: dict[tuple[str, str], list[Trial]] = defaultdict(list)
    order = list(labels)
    for trial in sorted(trials, key=lambda trial: order.index(trial.path)):
        groups[labels[trial.path], trial.facts["scenario"]].append(trial)
    return groups


def _rank(trial: Trial) -> tuple[int, str, str]:
    order = list(TITLES)
    method = trial.facts["method"]
    return (order.index(method) if method in order else len(order)), method, given_label(trial)


def _told_apart(trials: Sequence[Trial], labels: Mapping[Path, str]) -> dict[Path, str]:
    groups = grouped(trials, labels).values()
    suffixes = {path: text for group in groups for path, text in _suffixes(group).items()}
    return {path: label + suffixes[path] for path, label in labels.items()}


def _suffixes(group: Sequence[Trial]) -> dict[Path, str]:
    """What tells trials of one label and scenario apart, if it is more than the seed."""
    settings = {trial.path: _settings(trial) for trial in group}
    names = {name for own in settings.values() for name in own}
    varying = sorted(name for name in names if len({own.get(name) for own in settings.values()}) > 1)
    found = {
        path: "".join(f" · {name}={own.get(name, 'default')}" for name in varying)
        for path, own in settings.items()
    }
    twice = Counter((trial.facts["seed"], found[trial.path]) for trial in group)
    if max(twice.values()) > 1:
        folders = _names(found)
        return {path: f"{text} · {folders[path]}" for path, text in found.items()}
    return found


def _names(folders: Iterable[Path]) -> dict[Path, str]:
    """The folders' own names, or their whole paths where two have the same."""
    own = {folder: folder.name for folder in folders}
    return own if len(set(own.values())) == len(own) else {folder: str(folder) for folder in own}


def _settings(trial: Trial) -> dict[str, str]:
    """Settings that must agree for two runs to be averaged, each as JSON."""
    config = asdict(trial.config)
    options = config.pop("algo_options")
    return {name: json.dumps(value) for name, value in {**config, **options}.items() if name not in FREE}
