"""Trials on their way through a benchmark."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from semore_gym.benchmark.trial_process import OUTPUT, TrialProcess
from semore_gym.results.metrics import METRICS
from semore_gym.training.run_folder import RunFolder

EPISODES = 10  # that a reward is the mean of
SHOWN = ("episode_reward", "distance")  # of a result, by their names in `METRICS`

State = Literal["running", "failed", "waiting", "finished"]


@dataclass
class TrialProgress:
    """One trial: where it lies and how far it is."""

    name: str
    """The name of the trial, and of its folder."""
    run: RunFolder
    """The folder in which it is trained."""
    state: State = "waiting"
    failures: int = 0
    """How often its training ended too early, losses of the machine apart."""
    losses: int = 0
    """How often the machine that trained it was lost."""
    slot: int = 0
    """Its number among the trials that are trained at the same time, from 0."""
    process: TrialProcess | None = None
    """The process of this machine that trains it now; None where there is none."""
    steps: int = 0
    """How many agent steps it has done, to the last episode's end."""
    reward: float | None = None
    """The mean reward of the last training episodes; None before the first one has ended."""
    _first_seen: tuple[float, int] | None = field(default=None, repr=False)

    def look(self) -> None:
        """Read from the run's folder how far it is."""
        rows = self.run.rows("episodes")
        if not rows:
            return
        last = [float(row["episode_reward"]) for row in rows[-EPISODES:]]
        self.steps, self.reward = int(rows[-1]["agent_steps"]), sum(last) / len(last)
        if self.state == "running" and self._first_seen is None:
            self._first_seen = (time.monotonic(), self.steps)

    def begin(self, process: TrialProcess | None = None, slot: int = 0) -> None:
        """It is trained now; process: by which one, if that is one of this machine's."""
        self.state, self.process, self.slot, self._first_seen = "running", process, slot, None

    def end(self, state: State) -> None:
        """It is not trained any more."""
        self.state, self.process = state, None
        self.look()
        if state == "finished":
            self.steps = self.run.config.steps  # the last episode may have been cut off

    @property
    def left(self) -> int:
        """Agent steps to go."""
        return 0 if self.state in ("finished", "failed") else max(0, self.run.config.steps - self.steps)

    @property
    def speed(self) -> float:
        """Agent steps per second since it was first seen running; 0 where that is not known."""
        if self.state != "running" or self._first_seen is None:
            return 0.0
        since, steps = self._first_seen
        return max(0, self.steps - steps) / max(time.monotonic() - since, 1e-9)

    @property
    def result(self) -> str:
        """The last evaluation in words, of a run that is finished; what it does not tell is left out."""
        row = self.run.rows("evaluations")[-1]
        told = [METRICS[name].in_words(float(row[name])) for name in SHOWN if row.get(name)]
        return ", ".join(told) or "no episode counts"

    @property
    def output(self) -> Path:
        """What its training has said."""
        return self.run.path / OUTPUT

    @property
    def last_words(self) -> str:
        """The last line that its training has said."""
        lines = self.output.read_text(errors="replace").split("\n") if self.output.is_file() else []
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


def seconds_left(trials: Sequence[TrialProgress]) -> float | None:
    """How long they will all take together at the speed they have now; None where that is not known [s]."""
    speed = sum(trial.speed for trial in trials)
    return sum(trial.left for trial in trials) / speed if speed else None
