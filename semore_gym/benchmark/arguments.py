"""The arguments of `semore benchmark`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro


@dataclass(frozen=True)
class BenchmarkArguments:
    """Train methods x scenarios x seeds; the same command goes on where it was stopped, however it was."""

    matrix: tyro.conf.Positional[str]
    """What is run: table1, table2 or a YAML file."""
    budget: str = "smoke"
    """How long and how large: smoke (does everything run?), laptop (64 px, 20,000 agent steps) or paper."""
    seeds: int | None = None
    """How many seeds; None is the file's number, or else the budget's."""
    jobs: int | None = None
    """How many trials run at the same time; None is one per GPU, or per CPU where there is no GPU."""
    to: Path | None = None
    """Folder of the benchmark; None is runs/benchmarks/<matrix>-<budget>."""

    def __post_init__(self) -> None:
        for name in ("seeds", "jobs"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
