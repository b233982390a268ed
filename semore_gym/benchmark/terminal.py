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

from semore_gym.benchmark.trials import State, TrialProgress, seconds_left

REFRESH = 1.0  # of the live table [s]
LINE_EVERY = 60.0  # where there is no terminal [s]
ORDER: tuple[State, ...] = get_args(State)  # a low terminal shows the first rows only


class TerminalProgress:
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

    def update(self, trials: Sequence[TrialProgress], last: bool = False) -> None:
        """Show how far they are, if it is time again.

        Args:
            trials: All of them.
            last: Whether it is time in any case.
        """
        if time.monotonic() < self._next and not last:
            return
        self._next = time.monotonic() + self._every
        for trial in trials:
            if trial.state == "running":
                trial.look()
        if self._live:
            self._live.update(trials_table(trials), refresh=True)
        else:
            self.say(summary(trials))

    def __enter__(self) -> TerminalProgress:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live:
            self._live.stop()


def trials_table(trials: Sequence[TrialProgress]) -> Table:
    """Every trial with its progress, reward and time to go."""
    table = Table(box=box.SIMPLE_HEAD, caption=summary(trials), caption_justify="left")
    table.add_column("trial", no_wrap=True)
    table.add_column("state")
    table.add_column("progress")
    for column in ("agent steps", "reward", "to go"):
        table.add_column(column, justify="right")
    for trial in sorted(trials, key=lambda trial: ORDER.index(trial.state)):
        total = trial.run.config.steps
        table.add_row(
            trial.name,
            trial.state,
            ProgressBar(total, min(trial.steps, total), width=12),
            f"{trial.steps:,}",
            "" if trial.reward is None else f"{trial.reward:.1f}",
            _duration(seconds_left([trial])) if trial.state == "running" else "",
            style="red" if trial.state == "failed" else "",
        )
    return table


def summary(trials: Sequence[TrialProgress]) -> str:
    """All of them in one line."""
    states = Counter[str](trial.state for trial in trials)
    total = sum(trial.run.config.steps for trial in trials)
    done = sum(min(trial.steps, trial.run.config.steps) for trial in trials) / total
    counts = ", ".join(f"{states[state]} {state}" for state in ORDER if states[state])
    to_go = f", about {_duration(seconds)} to go" if (seconds := seconds_left(trials)) else ""
    return f"{counts}; {done:.0%} of the agent steps done{to_go}"


def _duration(seconds: float | None) -> str:
    return "" if seconds is None else str(timedelta(seconds=round(seconds)))
