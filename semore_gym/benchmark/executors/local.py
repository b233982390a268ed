"""Runs trials on this machine, some at a time, each in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Mapping

from semore_gym.benchmark.executors.base import POLL, Executor
from semore_gym.benchmark.terminal import TerminalProgress
from semore_gym.benchmark.trial_process import TrialProcess
from semore_gym.benchmark.trials import TrialProgress
from semore_gym.training.run_folder import RunFolder
from semore_gym.utils.devices import cpus, free_gpu_memory, packed, thread_variables, visible_gpus


class LocalExecutor(Executor):
    """Trains runs on this machine.

    Each process gets its share of the CPU's threads and, where there are GPUs, one of these in turn.
    Processes that an executor has left behind, because it was killed, are watched instead of started a
    second time.

    Args:
        runs: By name.
        at_once: How many processes; None is one per CPU, or where there are GPUs as many as these have room
            for: one each, or what `gpu_memory` says.
        terminal: Where it is told.
        gpu_memory: Memory that one run needs on a GPU [GB]; None gives each GPU one run.

    Raises:
        ValueError: If `gpu_memory` is more than any GPU has free.
    """

    def __init__(
        self,
        runs: Mapping[str, RunFolder],
        at_once: int | None,
        terminal: TerminalProgress,
        gpu_memory: float | None = None,
    ) -> None:
        super().__init__(runs, terminal)
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

    def _running(self) -> list[tuple[TrialProgress, TrialProcess]]:
        return [(trial, trial.process) for trial in self.trials if trial.process is not None]

    def _take_stock(self) -> None:
        for trial in self.trials:
            left_behind = TrialProcess.left_behind(trial.run.path)
            if left_behind is not None:
                trial.begin(left_behind, len(self._running()))
                self._terminal.say(
                    f"{trial.name} is in process {left_behind.process.pid}, which is watched now"
                )
            elif trial.run.finished:
                self._finish(trial)
            else:
                trial.look()
        self._say_stock(f"{self.at_once} at a time")

    def _collect(self) -> None:
        for trial, process in self._running():
            if not process.alive:
                process.forget()
                self._end(trial, process.ending, trial.run.finished)

    def _start(self) -> None:
        for trial in self.trials:
            taken = {other.slot for other, _ in self._running()}
            if len(taken) >= self.at_once:
                return
            if trial.state == "waiting":
                slot = min(set(range(self.at_once)) - taken)
                trial.begin(TrialProcess.start(trial.run.path, self.environment(slot)), slot)
                self._terminal.say(f"{trial.name} goes on" if trial.steps else f"{trial.name} begins")

    def _stop(self) -> None:
        for _, process in self._running():
            process.stop()
        for _, process in self._running():
            while process.alive:
                time.sleep(POLL)
            process.forget()


def gpu_left_behind(run: RunFolder) -> str | None:
    """The GPU of a run's process that an earlier executor has left behind; None if there is none."""
    left_behind = TrialProcess.left_behind(run.path)
    return None if left_behind is None else left_behind.process.environ().get("CUDA_VISIBLE_DEVICES")
