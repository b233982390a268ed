"""The folder of a benchmark: benchmark.json and one run folder a trial."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import psutil

from semore_gym.benchmark.matrix import Matrix, PlannedTrial
from semore_gym.benchmark.trial_process import check_untrained
from semore_gym.config import EnvConfig
from semore_gym.envs.naming import shifted_config
from semore_gym.evaluation.tally import episode_seed
from semore_gym.training.build import build_env, check_training, with_backend, without_mask_models
from semore_gym.training.run_folder import PROCESS, RunFolder
from semore_gym.utils.files import UNFINISHED, new_folder, write_text
from semore_gym.utils.processes import mark_process, marked_process
from semore_gym.utils.provenance import git_revision, versions


class BenchmarkFolder:
    """Where a matrix is run: benchmark.json says what, trials/<name> is the run folder of each trial.

    A context, in which the trials may be trained. Trials that are there already stay as they are.

    Args:
        matrix: What is run.
        path: A new folder, or one in which the same matrix was run before, maybe with fewer or more seeds;
            None is runs/benchmarks/<name>-<budget>.

    Raises:
        ValueError: If a trial could not be run, or the folder holds something else or is in use.
    """

    def __init__(self, matrix: Matrix, path: Path | None = None) -> None:
        self.path = path or Path("runs/benchmarks") / f"{matrix.name}-{matrix.budget}"
        other = marked_process(self.path / PROCESS)
        if other is not None:
            raise ValueError(f"{self.path} is being run by process {other.pid}")
        self.matrix = self._with_earlier_seeds(matrix)
        self.trials = [replace(trial, config=with_backend(trial.config)) for trial in self.matrix.trials()]
        check_trials(self.trials)
        self.path.mkdir(parents=True, exist_ok=True)
        write_text(self.path / "benchmark.json", json.dumps(self._description(), indent=2) + "\n")
        self.runs = {trial.name: self._run(trial) for trial in self.trials}

    def __enter__(self) -> BenchmarkFolder:
        mark_process(self.path / PROCESS, psutil.Process())
        return self

    def __exit__(self, *error: object) -> None:
        (self.path / PROCESS).unlink(missing_ok=True)

    def commands(self) -> list[str]:
        """A shell's command for each trial that is not finished, which trains it to its end; for any machine.

        Raises:
            ValueError: If a process that an earlier benchmark has left behind is still at one.
        """
        unfinished = {name: run for name, run in self.runs.items() if not run.finished}
        for name, run in unfinished.items():
            check_untrained(name, run.path)
        return [
            shlex.join(["semore", "train", "--resume", str(run.path.absolute())])
            for run in unfinished.values()
        ]

    def _with_earlier_seeds(self, matrix: Matrix) -> Matrix:
        file = self.path / "benchmark.json"
        if not file.is_file():
            found = self.path.iterdir() if self.path.is_dir() else ()
            if self.path.is_file() or any(UNFINISHED not in path.name for path in found):
                raise ValueError(f"{self.path} is no benchmark's folder: choose another one")
            return matrix
        try:
            stored = json.loads(file.read_text())["matrix"]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{file} cannot be used: {error!r}") from error
        wanted = _plain(matrix)
        differing = [name for name in wanted if name != "seeds" and wanted[name] != stored.get(name)]
        if differing:
            raise ValueError(
                f"{self.path} holds a benchmark with other {' and '.join(differing)}: choose another folder"
            )
        return replace(matrix, seeds=max(matrix.seeds, stored["seeds"]))

    def _description(self) -> dict[str, Any]:
        return {
            "name": self.matrix.name,
            "budget": self.matrix.budget,
            "matrix": _plain(self.matrix),
            "trials": [trial.name for trial in self.trials],
            "git_revision": git_revision(),
            "versions": versions(),
        }

    def _run(self, trial: PlannedTrial) -> RunFolder:
        path = self.path / "trials" / trial.name
        if not path.exists():
            with new_folder(path) as unfinished:
                RunFolder.create(trial.config, unfinished)
        run = RunFolder(path)
        if run.config != trial.config:
            raise ValueError(f"{path} is a run of another config than the matrix has: choose another folder")
        return run


def check_trials(trials: list[PlannedTrial]) -> None:
    """Find out now what would otherwise end trials hours later.

    Raises:
        ValueError: If a config names something unknown or impossible, or evaluates on episodes that it trains
            on.
    """
    environments: list[dict[str, Any]] = []
    for trial in trials:
        config = trial.config
        check_training(config)
        evaluated = {episode_seed(config.evaluation_seed, i) for i in range(config.evaluation_episodes)}
        if evaluated & set(range(config.seed, config.seed + config.n_envs)):
            raise ValueError(f"{trial.name} would be evaluated on episodes that it is trained on")
        for driven in (config, *(shifted_config(config, shift) for shift in config.shifts)):
            environment = {item.name: getattr(driven, item.name) for item in fields(EnvConfig)}
            if environment not in environments:
                environments.append(environment)
                build_env(without_mask_models(driven)).close()


def _plain(matrix: Matrix) -> dict[str, Any]:
    """As it comes back from JSON."""
    return dict(json.loads(json.dumps(asdict(matrix))))
