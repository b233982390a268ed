"""The arguments of `semore benchmark`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro

OF_RAY = {"ray_address": None, "cpus_per_trial": 1, "gpus_per_trial": 0.0, "storage": None}  # and defaults


@dataclass(frozen=True)
class BenchmarkArguments:
    """Train methods x scenarios x seeds; the same command goes on where it was stopped, however it was."""

    matrix: tyro.conf.Positional[str]
    """What is run: table1, table2, shift or a YAML file."""
    budget: str = "smoke"
    """How long and how large: smoke (does everything run?), laptop (64 px, 20,000 agent steps) or paper."""
    seeds: int | None = None
    """How many seeds; None is the file's number, or else the budget's."""
    jobs: int | None = None
    """How many trials run at the same time; None is one per GPU, or per CPU where there is no GPU, and with
    --executor ray as many as the cluster has room for."""
    to: Path | None = None
    """Folder of the benchmark; None is runs/benchmarks/<matrix>-<budget>."""
    gpu_memory: float | None = None
    """Memory that one trial needs on a GPU [GB]: as many share a GPU as fit into what it has free."""
    executor: Literal["local", "ray"] = "local"
    """Where trials run: on this machine, or on a Ray cluster."""
    ray_address: str | None = None
    """The Ray cluster, for example host:6379 or auto; None is what RAY_ADDRESS says, or one that runs on this
    machine, or else a new one on this machine alone."""
    cpus_per_trial: int = 1
    """CPUs that each trial takes of the Ray cluster."""
    gpus_per_trial: float = 0.0
    """GPUs that each trial takes of the Ray cluster; 0.25 lets four share one."""
    storage: str | None = None
    """Where the trials of a Ray cluster that shares no file system are kept, for example s3://bucket/folder;
    None trains in the benchmark's folder, which all nodes must see."""

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
        if self.executor == "local":
            for name, default in OF_RAY.items():
                if getattr(self, name) != default:
                    raise ValueError(f"{name} is for the ray executor: add --executor ray")
