"""Runs trials on this machine, some at a time, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence

import torch

from semore_gym.benchmark.executors.base import POLL, Executor
from semore_gym.benchmark.executors.worker import Worker
from semore_gym.benchmark.jobs import Job
from semore_gym.benchmark.view import View
from semore_gym.training.run_folder import RunFolder
from semore_gym.utils.devices import cpus

FREE_MEMORY = """
import torch
print(*(torch.cuda.mem_get_info(index)[0] for index in range(torch.cuda.device_count())))
"""


class LocalExecutor(Executor):
    """Trains runs on this machine.

    Each process gets its share of the CPU's threads and, where there are GPUs, one of these in turn.
    Processes that an executor has left behind, because it was killed, are watched instead of started a
    second time.

    Args:
        runs: By name.
        at_once: How many processes; None is one per CPU, or where there are GPUs as many as these have room
            for: one each, or what `gpu_memory` says.
        view: Where it is told.
        gpu_memory: Memory that one run needs on a GPU [GB]; None gives each GPU one run.

    Raises:
        ValueError: If `gpu_memory` is more than any GPU has free.
    """

    def __init__(
        self,
        runs: Mapping[str, RunFolder],
        at_once: int | None,
        view: View,
        gpu_memory: float | None = None,
    ) -> None:
        super().__init__(runs, view)
        self._gpus = visible_gpus()
        if gpu_memory is not None:
            ours = [gpu_left_behind(run) for run in runs.values()]  # whose memory will be free again
            pairs = zip(self._gpus, free_gpu_memory(), strict=True)
            free = [memory + ours.count(gpu) * gpu_memory for gpu, memory in pairs]
            self._gpus = packed(self._gpus, free, gpu_memory)
            at_once = min(at_once or len(self._gpus), len(self._gpus))
        self.at_once = at_once or len(self._gpus) or cpus()

    def environment(self, slot: int) -> dict[str, str]:
        """Variables of a process.

        Args:
            slot: Of those that run at the same time, which one it is, from 0.
        """
        variables = thread_variables(max(1, cpus() // self.at_once))
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
        self._say_stock(f"{self.at_once} at a time")

    def _collect(self) -> None:
        for job, worker in self._running():
            if not worker.alive:
                worker.forget()
                self._end(job, worker.ending, job.run.finished)

    def _start(self) -> None:
        for job in self.jobs:
            taken = {other.slot for other, _ in self._running()}
            if len(taken) >= self.at_once:
                return
            if job.state == "waiting":
                slot = min(set(range(self.at_once)) - taken)
                job.begin(Worker.start(job.run.path, self.environment(slot)), slot)
                self._view.say(f"{job.name} goes on" if job.steps else f"{job.name} begins")

    def _stop(self) -> None:
        for _, worker in self._running():
            worker.stop()
        for _, worker in self._running():
            while worker.alive:
                time.sleep(POLL)
            worker.forget()


def thread_variables(threads: int) -> dict[str, str]:
    """Variables that say how many threads a process may compute with."""
    return dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))


def visible_gpus() -> list[str]:
    """What CUDA_VISIBLE_DEVICES calls the GPUs that this process may use."""
    names = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    count = torch.cuda.device_count()
    return names[:count] if names != [""] else [str(index) for index in range(count)]


def free_gpu_memory() -> list[float]:
    """Free memory of each visible GPU [GB].

    Asked in a process of its own, since whoever asks keeps some hundred megabytes of each GPU.
    """
    said = subprocess.run([sys.executable, "-c", FREE_MEMORY], capture_output=True, text=True, check=True)
    return [int(free) / 1e9 for free in said.stdout.split()]


def gpu_left_behind(run: RunFolder) -> str | None:
    """The GPU of a run's process that an earlier executor has left behind; None if there is none."""
    worker = Worker.left_behind(run.path)
    return None if worker is None else worker.process.environ().get("CUDA_VISIBLE_DEVICES")


def packed(gpus: Sequence[str], free: Sequence[float], needed: float) -> list[str]:
    """Which GPU each of the runs is on that fit at the same time.

    Args:
        gpus: Names.
        free: Free memory of each [GB].
        needed: By one run [GB].

    Returns:
        Names, in turn as long as there is room: the first runs are spread over all GPUs.

    Raises:
        ValueError: If not even one run fits.

    Example:
        >>> from semore_gym.benchmark.executors.local import packed
        >>> packed(["0", "1"], [9.0, 25.0], 8.0)
        ['0', '1', '1', '1']
    """
    room = [int(memory // needed) for memory in free]
    if not any(room):
        there = ", ".join(f"{memory:.1f}" for memory in free) or "no GPU"
        raise ValueError(f"gpu_memory is {needed} GB a trial, but free are {there}")
    return [gpu for turn in range(max(room)) for gpu, runs in zip(gpus, room, strict=True) if turn < runs]
