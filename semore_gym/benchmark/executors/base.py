"""What all executors do: they see every trial of a benchmark through to its end."""

from __future__ import annotations

import shutil
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

from semore_gym.benchmark.terminal import TerminalProgress
from semore_gym.benchmark.trials import TrialProgress
from semore_gym.training.run_folder import RunFolder

ATTEMPTS = 2  # of one trial, before it counts as failed
POLL = 0.2  # [s]


class Executor(ABC):
    """Trains runs to their ends; those that are finished are left alone.

    A run whose training ends too early goes on from its newest checkpoint, once.

    Args:
        runs: By name.
        terminal: Where it is told.
    """

    def __init__(self, runs: Mapping[str, RunFolder], terminal: TerminalProgress) -> None:
        self._terminal = terminal
        self.trials = [TrialProgress(name, run) for name, run in runs.items()]

    def run(self) -> list[TrialProgress]:
        """Train.

        Returns:
            The runs, each finished or failed.

        Raises:
            KeyboardInterrupt: On Ctrl-C or SIGTERM, after every training has saved a checkpoint.
        """
        with self._terminal, interrupted_by_sigterm():
            try:
                self._take_stock()
                while any(trial.state in ("waiting", "running") for trial in self.trials):
                    self._collect()
                    self._start()
                    self._terminal.update(self.trials)
                    time.sleep(POLL)
            except KeyboardInterrupt:
                self._terminal.say(
                    "stopping: every running trial saves a checkpoint; the same command goes on"
                )
                self._stop()
                raise
            self._terminal.update(self.trials, last=True)
        return self.trials

    @abstractmethod
    def _take_stock(self) -> None:
        """Find out what was done before."""

    @abstractmethod
    def _collect(self) -> None:
        """See to those whose trainings have ended."""

    @abstractmethod
    def _start(self) -> None:
        """Start what there is room for."""

    @abstractmethod
    def _stop(self) -> None:
        """Let every running training save a checkpoint, and wait for it."""

    def _end(self, trial: TrialProgress, ending: str, finished: bool) -> None:
        """A training has ended; ending: how, in words."""
        if finished:
            self._finish(trial)
            self._terminal.say(f"{trial.name} has finished: {trial.result}")
            return
        trial.failures += 1
        if trial.failures < ATTEMPTS:
            trial.end("waiting")
            self._terminal.say(f"{trial.name} failed, {ending}, and is tried again: {trial.last_words}")
        else:
            trial.end("failed")
            self._terminal.say(f"{trial.name} failed again, {ending}: {trial.last_words}")

    def _finish(self, trial: TrialProgress) -> None:
        # gigabytes, and no checkpoint will need them again
        shutil.rmtree(trial.run.replay, ignore_errors=True)
        trial.end("finished")

    def _say_stock(self, room: str) -> None:
        done = sum(trial.state == "finished" for trial in self.trials)
        self._terminal.say(f"{len(self.trials)} trials, {done} of them finished before; {room}")


@contextmanager
def interrupted_by_sigterm() -> Iterator[None]:
    """Let SIGTERM do what Ctrl-C does."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
