"""`semore runs`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Column, Table
from tyro.conf import Positional

from semore_gym.cli.command import Command, CommandError, asked
from semore_gym.training.run_folder import RunFolder


@dataclass(frozen=True)
class Runs(Command):
    """List runs: how far each is, whether it is being trained, and its last evaluation."""

    folder: Positional[Path] = Path("runs")
    """Where they lie, benchmarks too."""

    def run(self, console: Console) -> int:
        """List them, those that changed last at the end."""
        with asked():
            found = list(find_runs(self.folder))
        if not found:
            raise CommandError(f"no run in {self.folder.absolute()}")
        table = Table(Column("run", overflow="fold"), "agent steps", "state", "reward", box=box.SIMPLE)
        for run in sorted(found, key=lambda run: run.path.stat().st_mtime):
            table.add_row(*_row(run, self.folder))
        console.print(table, soft_wrap=False)
        return 0


def find_runs(folder: Path) -> Iterator[RunFolder]:
    """The runs in a folder and in what lies in it."""
    for path in sorted(folder.rglob("checkpoints")):
        if (path.parent / "config.json").is_file():
            yield RunFolder(path.parent)


def _row(run: RunFolder, root: Path) -> tuple[str, str, str, str]:
    episodes, evaluations = run.rows("episodes"), run.rows("evaluations")
    done = max((int(rows[-1]["agent_steps"]) for rows in (episodes, evaluations) if rows), default=0)
    reward = f"{float(evaluations[-1]['episode_reward']):.1f}" if evaluations else ""
    return str(run.path.relative_to(root)), f"{done:,} of {run.config.steps:,}", _state(run), reward


def _state(run: RunFolder) -> str:
    process = run.trained_by()
    if process is not None:
        return f"training, process {process.pid}"
    return "finished" if run.finished else "stopped"
