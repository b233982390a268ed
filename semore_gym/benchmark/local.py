"""Runs trials on this machine, some at a time, each in a process of its own."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

import torch

from semore_gym.benchmark.jobs import Job
from semore_gym.benchmark.view import View
from semore_gym.benchmark.worker import Worker
from semore_gym.runs.folder import RunFolder

ATTEMPTS = 2  # of one trial, before it counts as failed
POLL = 0.2  # [s]


class LocalExecutor:
    """Trains runs to their ends; those that are finished are left alone.

    Each process gets its share of the CPU's threads and, where there are GPUs, one of these in turn. A run
    whose process ends too early goes on from its newest checkpoint, once. Processes that an executor has left
    behind, because it was killed, are watched instead of started a second time.

    Args:
        runs: By name.
        at_once: How many processes; None is one per GPU, or one per CPU where there is no GPU.
        view: Where it is told.
    """

    def __init__(self, runs: Mapping[str, RunFolder], at_once: int | None, view: View) -> None:
        self._gpus = visible_gpus()
        self.at_once = at_once or len(self._gpus) or cpus()
        self._view = view
        self.jobs = [Job(name, run) for name, run in runs.items()]

    def run(self) -> list[Job]:
        """Train.

        Returns:
            The runs, each finished or failed.

        Raises:
            KeyboardInterrupt: On Ctrl-C or SIGTERM, after every process has saved a checkpoint.
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
                self._stop()
                raise
            self._view.update(self.jobs, last=True)
        return self.jobs

    def environment(self, slot: int) -> dict[str, str]:
        """Variables of a process.

        Args:
            slot: Of those that run at the same time, which one it is, from 0.
        """
        threads = str(max(1, cpus() // self.at_once))
        variables = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)
        if self._gpus:
            variables["CUDA_VISIBLE_DEVICES"] = self._gpus[slot % len(self._gpus)]
        return variables

    def _running(self) -> list[tuple[Job, Worker]]:
        return [(job, job.worker) for job in self.jobs if job.worker is not None]

    def _take_stock(self) -> None:
        for job in self.jobs:
            left_behind = Worker.left_behind(job.run.path)
            if left_behind is not None:
                job.begin(left_behind, len(self._running()))
                self._view.say(f"{job.name} is in process {left_behind.process.pid}, which is watched now")
            elif job.run.finished:
                self._finish(job)
            else:
                job.look()
        done = sum(job.state == "finished" for job in self.jobs)
        self._view.say(f"{len(self.jobs)} trials, {done} of them finished before; {self.at_once} at a time")

    def _collect(self) -> None:
        """See to those whose processes have ended."""
        for job, worker in self._running():
            if worker.alive:
                continue
            worker.forget()
            if job.run.finished:
                self._finish(job)
                self._view.say(f"{job.name} has finished: {job.result}")
            elif job.attempts < ATTEMPTS:
                job.end("waiting")
                self._view.say(f"{job.name} failed, {worker.ending}, and is tried again: {job.last_words}")
            else:
                job.end("failed")
                self._view.say(f"{job.name} failed again, {worker.ending}: {job.last_words}")

    def _start(self) -> None:
        for job in self.jobs:
            taken = {other.slot for other, _ in self._running()}
            if len(taken) >= self.at_once:
                return
            if job.state == "waiting":
                slot = min(set(range(self.at_once)) - taken)
                job.begin(Worker.start(job.run.path, self.environment(slot)), slot)
                self._view.say(f"{job.name} goes on" if job.steps else f"{job.name} begins")

    def _finish(self, job: Job) -> None:
        shutil.rmtree(job.run.replay, ignore_errors=True)  # gigabytes, and no checkpoint will need them again
        job.end("finished")

    def _stop(self) -> None:
        self._view.say("stopping: every running trial saves a checkpoint; the same command goes on")
        for _, worker in self._running():
            worker.stop()
        for _, worker in self._running():
            while worker.alive:
                time.sleep(POLL)
            worker.forget()


def cpus() -> int:
    """How many CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def visible_gpus() -> list[str]:
    """What CUDA_VISIBLE_DEVICES calls the GPUs that this process may use."""
    names = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    count = torch.cuda.device_count()
    return names[:count] if names != [""] else [str(index) for index in range(count)]


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
