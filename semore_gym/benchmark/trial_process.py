"""One trial's process: `semore train --resume`, which outlives us if we are killed, unless it is leashed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from semore_gym.training.run_folder import PROCESS
from semore_gym.utils.processes import is_at_work, mark_process, marked_process

OUTPUT = "output.log"  # in a trial's folder: what the training said


class TrialProcess:
    """A process that trains one run.

    Args:
        process: The process, a child or one that an earlier benchmark has left behind.
        run: The run's folder.
    """

    def __init__(self, process: psutil.Process, run: Path) -> None:
        self.process = process
        self.run = run

    @classmethod
    def start(
        cls, run: Path, environment: Mapping[str, str], cwd: Path | None = None, leashed: bool = False
    ) -> TrialProcess:
        """Train a run from its newest checkpoint, or from the beginning.

        Args:
            run: Its folder.
            environment: Variables that are set for the process, beside ours.
            cwd: Where the process works; None is where we do.
            leashed: Whether it ends when we do, even if we are killed.
        """
        program = ["semore_gym.benchmark.leash"] if leashed else ["semore_gym", "train", "--resume"]
        command = [sys.executable, "-m", *program, str(run)]
        with (run / OUTPUT).open("a") as output:
            process = psutil.Popen(
                command,
                stdin=subprocess.PIPE if leashed else subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **environment},
                cwd=cwd,
                start_new_session=True,  # the terminal's Ctrl-C is for the benchmark, which passes it on
            )
        mark_process(run / PROCESS, process)
        return cls(process, run)

    @classmethod
    def left_behind(cls, run: Path) -> TrialProcess | None:
        """The process that trains a run for a benchmark which was killed, if it is still at it."""
        process = marked_process(run / PROCESS)
        return process and cls(process, run)

    @property
    def alive(self) -> bool:
        """Whether it is still training."""
        if isinstance(self.process, psutil.Popen):
            return bool(self.process.poll() is None)
        return is_at_work(self.process)

    @property
    def ending(self) -> str:
        """How it has ended, in words; of a process that is not our child nobody tells."""
        code = self.process.wait() if isinstance(self.process, psutil.Popen) else None
        if code is None:
            return "its process ended"
        return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def stop(self) -> None:
        """Ask it for a checkpoint and to end."""
        with suppress(psutil.NoSuchProcess):  # it has just ended
            self.process.terminate()

    def kill(self) -> None:
        """End it at once, if it has not ended."""
        with suppress(psutil.NoSuchProcess):
            self.process.kill()
        self.process.wait()

    def forget(self) -> None:
        """Call after its end."""
        (self.run / PROCESS).unlink(missing_ok=True)


def check_untrained(name: str, run: Path) -> None:
    """Check that no process of an earlier benchmark trains a run on this machine.

    Raises:
        ValueError: If one does.
    """
    left_behind = TrialProcess.left_behind(run)
    if left_behind is not None:
        raise ValueError(
            f"{name} is still trained by process {left_behind.process.pid}: end it, or watch it with the "
            "local executor"
        )
