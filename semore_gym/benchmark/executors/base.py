"""What all executors do: they see every trial of a benchmark through to its end."""

from __future__ import annotations

import shutil
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

from semore_gym.benchmark.jobs import Job
from semore_gym.benchmark.view import View
from semore_gym.training.run_folder import RunFolder

ATTEMPTS = 2  # of one trial, before it counts as failed
POLL = 0.2  # [s]


class Executor(ABC):
    """Trains runs to their ends; those that are finished are left alone.

    A run whose training ends too early goes on from its newest checkpoint, once.

    Args:
        runs: By name.
        view: Where it is told.
    """

    def __init__(self, runs: Mapping[str, RunFolder], view: View) -> None:
        self._view = view
        self.jobs = [Job(name, run) for name, run in runs.items()]

    def run(self) -> list[Job]:
        """Train.

        Returns:
            The runs, each finished or failed.

        Raises:
            KeyboardInterrupt: On Ctrl-C or SIGTERM, after every training has saved a checkpoint.
        """
        with self._view, interrupted_by_sigterm():
            try:
                self._take_stock()
                while any(job.state in ("waiting", "running") for job in self.jobs):
                    self._collect()
                    self._start()
                    self._view.update(self.jobs)
                    time.sleep(POLL)
            except KeyboardInterrupt:
                self._view.say("stopping: every running trial saves a checkpoint; the same command goes on")
                self._stop()
                raise
            self._view.update(self.jobs, last=True)
        return self.jobs

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

    def _end(self, job: Job, ending: str, finished: bool) -> None:
        """A training has ended; ending: how, in words."""
        if finished:
            self._finish(job)
            self._view.say(f"{job.name} has finished: {job.result}")
            return
        job.failures += 1
        if job.failures < ATTEMPTS:
            job.end("waiting")
            self._view.say(f"{job.name} failed, {ending}, and is tried again: {job.last_words}")
        else:
            job.end("failed")
            self._view.say(f"{job.name} failed again, {ending}: {job.last_words}")

    def _finish(self, job: Job) -> None:
        shutil.rmtree(job.run.replay, ignore_errors=True)  # gigabytes, and no checkpoint will need them again
        job.end("finished")

    def _say_stock(self, room: str) -> None:
        done = sum(job.state == "finished" for job in self.jobs)
        self._view.say(f"{len(self.jobs)} trials, {done} of them finished before; {room}")


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
