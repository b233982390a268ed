"""What a benchmark says on the terminal: a live table of its trials, or lines where there is no terminal."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import get_args

from rich import box
from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from semore_gym.benchmark.jobs import Job, State, seconds_left

REFRESH = 1.0  # of the live table [s]
LINE_EVERY = 60.0  # where there is no terminal [s]
ORDER: tuple[State, ...] = get_args(State)  # a low terminal shows the first rows only


class View:
    """Shows trials: a context, in which `update` and `say` are called.

    Args:
        console: Where.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._every = REFRESH if self._live else LINE_EVERY
        self._next = time.monotonic() + (0.0 if self._live else LINE_EVERY)

    def say(self, line: str) -> None:
        """Something has happened."""
        self._console.print(line, markup=False)

    def update(self, jobs: Sequence[Job], last: bool = False) -> None:
        """Show how far they are, if it is time again.

        Args:
            jobs: All of them.
            last: Whether it is time in any case.
        """
        if time.monotonic() < self._next and not last:
            return
        self._next = time.monotonic() + self._every
        for job in jobs:
            if job.state == "running":
                job.look()
        if self._live:
            self._live.update(jobs_table(jobs), refresh=True)
        else:
            self.say(summary(jobs))

    def __enter__(self) -> View:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live:
            self._live.stop()


def jobs_table(jobs: Sequence[Job]) -> Table:
    """Every trial with its progress, reward and time to go."""
    table = Table(box=box.SIMPLE_HEAD, caption=summary(jobs), caption_justify="left")
    table.add_column("trial", no_wrap=True)
    table.add_column("state")
    table.add_column("progress")
    for column in ("agent steps", "reward", "to go"):
        table.add_column(column, justify="right")
    for job in sorted(jobs, key=lambda job: ORDER.index(job.state)):
        total = job.run.config.steps
        table.add_row(
            job.name,
            job.state,
            ProgressBar(total, min(job.steps, total), width=12),
            f"{job.steps:,}",
            "" if job.reward is None else f"{job.reward:.1f}",
            _duration(seconds_left([job])) if job.state == "running" else "",
            style="red" if job.state == "failed" else "",
        )
    return table


def summary(jobs: Sequence[Job]) -> str:
    """All of them in one line."""
    states = Counter[str](job.state for job in jobs)
    total = sum(job.run.config.steps for job in jobs)
    done = sum(min(job.steps, job.run.config.steps) for job in jobs) / total
    counts = ", ".join(f"{states[state]} {state}" for state in ORDER if states[state])
    to_go = f", about {_duration(seconds)} to go" if (seconds := seconds_left(jobs)) else ""
    return f"{counts}; {done:.0%} of the agent steps done{to_go}"


def _duration(seconds: float | None) -> str:
    return "" if seconds is None else str(timedelta(seconds=round(seconds)))
