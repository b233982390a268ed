"""Names the rows of a report, so that nothing is averaged that does not belong together."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from semore_gym.results.read import FinishedRun

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


def name_runs(runs: Sequence[FinishedRun]) -> dict[Path, str]:
    """A label for each run; those that share label and scenario differ in their seeds only.

    A label is the method and what its config calls it, see `given_label`; the benchmark where there are
    several; the backend where there are several; the settings that differ; the run's folder where a seed
    comes twice.

    Returns:
        Labels by the run's folder, in the order in which reports show them.
    """
    benchmarks = _names(run.benchmark for run in runs if run.benchmark)
    several = len({run.benchmark for run in runs}) > 1
    backends = {run.facts["backend"] for run in runs}
    labels: dict[Path, str] = {}
    for run in sorted(runs, key=_rank):
        parts = [title(run.facts["method"], given_label(run))]
        if several and run.benchmark is not None:
            parts.append(benchmarks[run.benchmark])
        if len(backends) > 1:
            parts.append(run.facts["backend"])
        labels[run.path] = " · ".join(parts)
    return _told_apart(runs, labels)


def given_label(run: FinishedRun) -> str:
    """A run's label, or the variant that its config asks for; an algorithm's own goes without saying."""
    config = run.config
    return run.facts["variant"] if config.label or "variant" in config.algo_options else ""


def title(method: str, label: str = "") -> str:
    """How a method is called in tables."""
    return " ".join(TITLES.get(part, part) for part in (method, label) if part)


def grouped(
    runs: Sequence[FinishedRun], labels: Mapping[Path, str]
) -> dict[tuple[str, str], list[FinishedRun]]:
    """Runs by label and scenario, in the order of the labels."""
    groups: dict[tuple[str, str], list[FinishedRun]] = defaultdict(list)
    order = list(labels)
    for run in sorted(runs, key=lambda run: order.index(run.path)):
        groups[labels[run.path], run.facts["scenario"]].append(run)
    return groups


def _rank(run: FinishedRun) -> tuple[int, str, str]:
    order = list(TITLES)
    method = run.facts["method"]
    return (order.index(method) if method in order else len(order)), method, given_label(run)


def _told_apart(runs: Sequence[FinishedRun], labels: Mapping[Path, str]) -> dict[Path, str]:
    groups = grouped(runs, labels).values()
    suffixes = {path: text for group in groups for path, text in _suffixes(group).items()}
    return {path: label + suffixes[path] for path, label in labels.items()}


def _suffixes(group: Sequence[FinishedRun]) -> dict[Path, str]:
    """What tells runs of one label and scenario apart, if it is more than the seed."""
    settings = {run.path: _settings(run) for run in group}
    names = {name for own in settings.values() for name in own}
    varying = sorted(name for name in names if len({own.get(name) for own in settings.values()}) > 1)
    found = {
        path: "".join(f" · {name}={own.get(name, 'default')}" for name in varying)
        for path, own in settings.items()
    }
    twice = Counter((run.facts["seed"], found[run.path]) for run in group)
    if max(twice.values()) > 1:
        folders = _names(found)
        return {path: f"{text} · {folders[path]}" for path, text in found.items()}
    return found


def _names(folders: Iterable[Path]) -> dict[Path, str]:
    """The folders' own names, or their whole paths where two have the same."""
    own = {folder: folder.name for folder in folders}
    return own if len(set(own.values())) == len(own) else {folder: str(folder) for folder in own}


def _settings(run: FinishedRun) -> dict[str, str]:
    """Settings that must agree for two runs to be averaged, each as JSON."""
    config = asdict(run.config)
    options = config.pop("algo_options")
    return {name: json.dumps(value) for name, value in {**config, **options}.items() if name not in FREE}
