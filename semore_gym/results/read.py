"""Reads what trainings have left on the disk; what is missing, unfinished or damaged is named."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from semore_gym.config import TrainConfig
from semore_gym.results.record import EpisodeRecord, Evaluation
from semore_gym.utils.files import read_rows

# What the rows say of the run that they belong to.
FACTS = ("method", "variant", "scenario", "seed", "backend", "weather", "device", "versions", "git_revision")
EPISODES = "evaluation_episodes"  # the table of the evaluations' episodes
SHIFTED = "shifted_episodes"  # the table of what the agent does elsewhere than trained


@dataclass(frozen=True)
class Shifted:
    """An evaluation elsewhere than trained."""

    scenario: str
    weather: str
    evaluation: Evaluation


@dataclass(frozen=True)
class FinishedRun:
    """One finished training run and its evaluations."""

    path: Path
    """The run's folder."""
    config: TrainConfig
    benchmark: Path | None
    """The folder of the benchmark that the run belongs to; None where it belongs to none."""
    facts: Mapping[str, str]
    """What the rows say of the run: the columns `FACTS`, by name."""
    evaluations: dict[int, Evaluation]
    """The training's evaluations, by the agent steps after which they were made, the earliest first."""
    shifted: Mapping[str, Shifted]
    """What the finished agent did elsewhere than trained, by the config's `shifts`."""
    wall_seconds: float
    """How long the training took, without its interruptions [s]."""
    gpu_memory: int | None
    """The most that the training held on the GPU [MiB]; None where there was none, or nobody noted it."""

    @property
    def final(self) -> Evaluation:
        """The evaluation of the agent at the training's end."""
        return next(reversed(self.evaluations.values()))

    def course(self, metric: str) -> tuple[list[int], list[float]]:
        """Agent steps of the evaluations in which a metric was measured, and its means there."""
        means = {step: found.mean(metric) for step, found in self.evaluations.items() if found.values(metric)}
        return list(means), list(means.values())


@dataclass(frozen=True)
class Results:
    """Finished runs, what else was found, and what was not."""

    runs: Sequence[FinishedRun]
    gaps: Sequence[str]
    """Sentences about what is missing, unfinished or damaged."""
    benchmarks: Mapping[Path, Mapping[str, Any]]
    """What each benchmark.json says, by the benchmark's folder."""


def read_results(paths: Sequence[Path]) -> Results:
    """Read benchmarks and runs.

    Args:
        paths: Folders of benchmarks (with benchmark.json and trials/) or of runs (with config.json).

    Raises:
        ValueError: If there is no path, one is neither, or a run comes twice.
    """
    if not paths:
        raise ValueError("expected the folder of a benchmark or of a run, got none")
    gaps: list[str] = []
    runs: list[FinishedRun] = []
    benchmarks: dict[Path, Mapping[str, Any]] = {}
    for path in paths:
        if (path / "benchmark.json").is_file():
            benchmarks[path] = _read_benchmark(path, gaps)
            for folder in _trial_folders(path, benchmarks[path]):
                runs += _read_or_name(folder, path, gaps)
        elif (path / "config.json").is_file():
            runs += _read_or_name(path, None, gaps)
        else:
            raise ValueError(f"{path} is neither a benchmark (benchmark.json) nor a run (config.json)")
    folders = [run.path.resolve() for run in runs]
    if len(set(folders)) < len(folders):
        raise ValueError(f"a run was given twice: {', '.join(map(str, paths))}")
    return Results(runs, gaps, benchmarks)


def _read_benchmark(path: Path, gaps: list[str]) -> Mapping[str, Any]:
    file = path / "benchmark.json"
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError(f"expected a JSON object, got {type(found).__name__}")
    except ValueError as error:
        gaps.append(f"{file} cannot be read: {error}")
        return {}
    return found


def _trial_folders(path: Path, benchmark: Mapping[str, Any]) -> list[Path]:
    """Those on the disk and those that are planned."""
    names = {folder.name for folder in (path / "trials").glob("*") if folder.is_dir()}
    names |= set(benchmark.get("trials", ()))
    return [path / "trials" / name for name in sorted(names)]


def _read_or_name(path: Path, benchmark: Path | None, gaps: list[str]) -> Iterator[FinishedRun]:
    try:
        run = _read_run(path, benchmark)
    except (ValueError, csv.Error) as error:
        gaps.append(str(error) if str(path) in str(error) else f"{path}: {error}")
        return
    gaps += [f"{path}: no result of {shift}" for shift in run.config.shifts if shift not in run.shifted]
    yield run


def _read_run(path: Path, benchmark: Path | None) -> FinishedRun:
    if not path.is_dir():
        raise ValueError("not begun")
    config = read_config(path)
    rows = _whole_rows(path, EPISODES)
    if not rows:
        raise ValueError(f"no {EPISODES}.csv, so no evaluation yet")
    with _named_damage(EPISODES):
        evaluations = {int(step): _evaluation(group) for step, group in groupby(rows, itemgetter("step"))}
        facts = {name: rows[-1][name] for name in FACTS}
        wall_seconds = float(rows[-1]["wall_seconds"])
        memory = [int(row["gpu_memory"]) for row in rows if row.get("gpu_memory")]
    shifted = _read_shifted(path, max(evaluations))
    peak = max(memory, default=None)
    run = FinishedRun(path, config, benchmark, facts, evaluations, shifted, wall_seconds, peak)
    _refuse_unfinished(run)
    return run


def read_config(run: Path) -> TrainConfig:
    """Read the config of a run's folder.

    Raises:
        ValueError: If there is none, or it cannot be used.
    """
    file = run / "config.json"
    if not file.is_file():
        raise ValueError(f"{run} is no run folder: it has no config.json")
    try:
        return TrainConfig.from_json(file.read_text())
    except ValueError as error:
        raise ValueError(f"{file} cannot be used: {error}") from error


def _read_shifted(path: Path, steps: int) -> dict[str, Shifted]:
    """What the agent did elsewhere after so many steps, where an episode counts."""
    found = {}
    rows = _whole_rows(path, SHIFTED)
    with _named_damage(SHIFTED):
        rows = [row for row in rows if int(row["step"]) == steps]
        for shift, group in groupby(rows, itemgetter("shift")):
            own = list(group)
            shifted = Shifted(own[0]["scenario"], own[0]["weather"], _evaluation(own))
            if shifted.evaluation.counted:
                found[shift] = shifted
    return found


def _whole_rows(path: Path, table: str) -> list[dict[str, str]]:
    rows = read_rows(path / f"{table}.csv")
    if any(None in row.values() for row in rows):
        raise ValueError(f"{table}.csv is damaged: a row breaks off")
    return rows


@contextmanager
def _named_damage(table: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{table}.csv is damaged: {error!r}") from error


def _refuse_unfinished(run: FinishedRun) -> None:
    config, last = run.config, max(run.evaluations)
    if last < config.steps:
        raise ValueError(f"unfinished: {last:,} of {config.steps:,} agent steps")
    if (episodes := len(run.final.rows)) < config.evaluation_episodes:
        raise ValueError(f"the last evaluation has {episodes} of {config.evaluation_episodes} episodes")
    if not run.final.counted:
        raise ValueError("the simulator was lost in every episode of the last evaluation")


def _evaluation(rows: Iterable[Mapping[str, str]]) -> Evaluation:
    return Evaluation(map(EpisodeRecord.from_row, rows))
