"""`semore benchmark`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro
from rich.console import Console

from semore_gym.cli.command import Command, asked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from semore_gym.benchmark.executors.base import Executor
    from semore_gym.training.run_folder import RunFolder

OF_EXECUTORS: dict[str, object] = {"jobs": None, "gpu_memory": None, "executor": "local"}  # defaults
OF_RAY: dict[str, object] = {"ray_address": None, "cpus_per_trial": 1, "gpus_per_trial": 0.0}


@dataclass(frozen=True)
class Benchmark(Command):
    """Train methods x scenarios x seeds; the same command goes on where it was stopped, however it was."""

    matrix: tyro.conf.Positional[str]
    """What is run: table1, table2, shift or a YAML file."""
    budget: str = "smoke"
    """How long and how large: smoke (does everything run?), laptop (64 px, 128,000 agent steps) or paper."""
    seeds: int | None = None
    """How many seeds; None is the file's number, or else the budget's."""
    jobs: int | None = None
    """How many trials run at the same time; None is one per GPU, or per CPU where there is no GPU, and with
    --executor ray as many as the cluster has room for."""
    to: Path | None = None
    """Folder of the benchmark; None is runs/benchmarks/<matrix>-<budget>."""
    print: bool = False
    """Run nothing: make the folder and print a command for each trial that is not finished, for a Slurm array
    or whatever else starts commands."""
    gpu_memory: float | None = None
    """Memory that one trial needs on a GPU [GB]: as many share a GPU as fit into what it has free."""
    executor: Literal["local", "ray"] = "local"
    """Where trials run: on this machine, or on a Ray cluster, all of whose nodes must see the folder."""
    ray_address: str | None = None
    """The Ray cluster, for example host:6379 or auto; None is what RAY_ADDRESS says, or one that runs on this
    machine, or else a new one on this machine alone."""
    cpus_per_trial: int = 1
    """CPUs that each trial takes of the Ray cluster."""
    gpus_per_trial: float = 0.0
    """GPUs that each trial takes of the Ray cluster; 0.25 lets four share one."""

    def __post_init__(self) -> None:
        for name in ("seeds", "jobs", "cpus_per_trial"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if self.gpu_memory is not None and self.gpu_memory <= 0:
            raise ValueError(f"gpu_memory must be above 0, got {self.gpu_memory}")
        if self.gpus_per_trial < 0 or (self.gpus_per_trial > 1 and self.gpus_per_trial % 1):
            raise ValueError(
                f"gpus_per_trial must be a fraction of one or a whole number, got {self.gpus_per_trial}"
            )
        if self.executor == "ray" and self.gpu_memory is not None:
            raise ValueError("gpu_memory is for the local executor; with ray, say gpus_per_trial=0.25")
        if self.print:
            for name, default in OF_EXECUTORS.items():
                if getattr(self, name) != default:
                    raise ValueError(f"{name} must not be given with print, which runs nothing")
        if self.executor == "local":
            for name, default in OF_RAY.items():
                if getattr(self, name) != default:
                    raise ValueError(f"{name} is for the ray executor: add --executor ray")

    def run(self, console: Console) -> int:
        """Train, and name the trials that failed; 1 if there are any."""
        from semore_gym.benchmark.folder import BenchmarkFolder
        from semore_gym.benchmark.matrix import read_matrix

        with asked():
            folder = BenchmarkFolder(read_matrix(self.matrix, self.budget, self.seeds), self.to)
            if self.print:
                for line in folder.commands():
                    print(line)  # as it is: rich would take :car: in a path for a picture
                return 0
            executor = self._executor(folder.runs, console)
        console.print(f"benchmark folder: {folder.path}")
        with folder:
            done = executor.run()
        failed = [trial for trial in done if trial.state == "failed"]
        for trial in failed:
            console.print(f"failed: {trial.name}, see {trial.output}", markup=False)
        return 1 if failed else 0

    def _executor(self, runs: Mapping[str, RunFolder], console: Console) -> Executor:
        from semore_gym.benchmark.terminal import TerminalProgress

        terminal = TerminalProgress(console)
        if self.executor == "ray":
            from semore_gym.benchmark.executors.ray import RayExecutor, Resources  # needs an extra

            resources = Resources(self.cpus_per_trial, self.gpus_per_trial)
            return RayExecutor(runs, self.jobs, terminal, resources, self.ray_address)
        from semore_gym.benchmark.executors.local import LocalExecutor

        return LocalExecutor(runs, self.jobs, terminal, self.gpu_memory)
