"""One trial on a node of a Ray cluster: who may train it, and when it ends."""

from __future__ import annotations

import json
import platform
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from semore_gym.benchmark.trial_process import TrialProcess
from semore_gym.training.run_folder import RunFolder
from semore_gym.utils.files import write_text

POLL = 1.0  # how often a node asks whether a trial is still its own [s]
GRACE = 3 * POLL  # after which whoever had a trial before has found out that it is another's [s]
CLAIM = "claim.json"  # in a run folder that several machines see: which attempt trains it, and where


class TakenError(Exception):
    """Another attempt trains the trial now."""


class Holder(NamedTuple):
    """Who trains a trial."""

    attempt: str | None
    node: str | None


class Ending(NamedTuple):
    """What came of an attempt."""

    finished: bool
    words: str
    """How its process has ended."""


def holder(run: Path) -> Holder:
    """Who trains the run of a folder now, as its claim says."""
    try:
        return Holder(**json.loads((run / CLAIM).read_text()))
    except FileNotFoundError:
        return Holder(None, None)


@contextmanager
def claimed(run: Path, attempt: str) -> Iterator[None]:
    """Take the run of a folder over from whoever has it.

    Raises:
        ValueError: If this node does not see the folder.
    """
    if not (run / "config.json").is_file():
        raise ValueError(
            f"node {platform.node()} does not see {run}: choose a folder that all nodes share (--to)"
        )
    other = holder(run).attempt
    write_text(run / CLAIM, json.dumps({"attempt": attempt, "node": platform.node()}))
    try:
        if other is not None:
            time.sleep(GRACE)
        yield
    finally:
        if holder(run).attempt == attempt:
            (run / CLAIM).unlink()


def train(run: Path, attempt: str, environment: dict[str, str], cwd: Path) -> Ending:
    """Train a trial to its end; what a Ray task does.

    The training is a process of its own, as on a single machine: what it says goes into its output.log, its
    crash is told from the loss of the node, its threads are set before anything is computed. It ends with us,
    however we end, and Ray ends us with its node's daemon, so that a node which is given up for dead trains
    nothing any more. One that is only cut off from Ray finds out by the trial's claim.

    Args:
        run: Its folder, which all nodes see.
        attempt: Unique.
        environment: Variables for the process.
        cwd: Where it works, if the node has that folder.

    Raises:
        TakenError: If another attempt has taken it over.
        ValueError: If this node does not see the folder.
    """
    # how Ray cancels a task; a node that was started in a script's background ignores it
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with claimed(run, attempt):
        training = TrialProcess.start(run, environment, cwd if cwd.is_dir() else run, leashed=True)
        try:
            while training.alive:
                time.sleep(POLL)
                if holder(run).attempt != attempt:
                    raise TakenError(f"another benchmark trains {run.name}")
        except KeyboardInterrupt:  # the benchmark is stopped
            training.stop()
            training.process.wait()
        finally:
            training.kill()
            training.forget()
        return Ending(RunFolder(run).finished, training.ending)
