"""One trial on a node of a Ray cluster: who may train it, where its folder is, when it ends."""

from __future__ import annotations

import json
import logging
import platform
import signal
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from semore_gym.benchmark.executors.ray_storage import RunStorage, Stored
from semore_gym.benchmark.executors.worker import Worker
from semore_gym.config import TrainConfig
from semore_gym.training.run_folder import RunFolder
from semore_gym.utils.files import write_text

POLL = 1.0  # how often a node asks whether a trial is still its own [s]
GRACE = 3 * POLL  # after which whoever had a trial before has found out that it is another's [s]
PUSH_EVERY = 30.0  # for what is no checkpoint [s]
CLAIM = "claim.json"  # in a run folder that several machines see: which attempt trains it, and where

logger = logging.getLogger(__name__)


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


class Place(ABC):
    """Where a trial's run folder is kept, so that every node finds it."""

    @abstractmethod
    def holder(self) -> Holder:
        """Who trains it now."""

    @contextmanager
    @abstractmethod
    def claimed(self, attempt: str) -> Iterator[Path]:
        """Take the trial over from whoever has it; gives the folder to train in."""

    @abstractmethod
    def keep(self, attempt: str) -> None:
        """Call every `POLL` seconds while it is trained.

        Raises:
            TakenError: If another attempt has taken it over.
        """


@dataclass(frozen=True)
class SharedFolder(Place):
    """A folder on a file system that all nodes share; trials train straight in it."""

    path: Path

    def holder(self) -> Holder:
        """Who its claim names."""
        try:
            return Holder(**json.loads((self.path / CLAIM).read_text()))
        except FileNotFoundError:
            return Holder(None, None)

    @contextmanager
    def claimed(self, attempt: str) -> Iterator[Path]:
        """Write a claim; gives the folder itself."""
        if not (self.path / "config.json").is_file():
            raise ValueError(
                f"node {platform.node()} does not see {self.path}: choose a folder that all nodes share "
                "(--to), or an object store (--storage)"
            )
        other = self.holder().attempt
        write_text(self.path / CLAIM, json.dumps({"attempt": attempt, "node": platform.node()}))
        try:
            if other is not None:
                time.sleep(GRACE)
            yield self.path
        finally:
            if self.holder().attempt == attempt:
                (self.path / CLAIM).unlink()

    def keep(self, attempt: str) -> None:
        """Look at the claim."""
        if self.holder().attempt != attempt:
            raise TakenError(f"another benchmark trains {self.path.name}")


class StoredFolder(Place):
    """A run in an object store; trials train in a temporary folder of their node, which is copied there.

    Args:
        storage: Of the run.
        name: Of the trial.
        config: Of the run.
    """

    def __init__(self, storage: RunStorage, name: str, config: TrainConfig) -> None:
        self._storage = storage
        self._name = name
        self._config = config
        self._pushed: tuple[float, Path | None] = (0.0, None)
        """When, and the newest checkpoint then."""
        self._run: RunFolder | None = None

    def holder(self) -> Holder:
        """Who the manifest names."""
        stored = self._storage.read()
        return Holder(stored.attempt, stored.node)

    @contextmanager
    def claimed(self, attempt: str) -> Iterator[Path]:
        """Write the name into the manifest; gives a copy on this node, which is copied back at the end."""
        before = self._storage.read()
        self._storage.write(Stored(attempt, platform.node(), before.files))
        with tempfile.TemporaryDirectory(prefix="semore-") as folder:
            if before.attempt is not None:
                time.sleep(GRACE)
            path = Path(folder) / self._name
            self._run = RunFolder.create(self._config, path)
            self._storage.pull(path)
            try:
                yield path
            finally:
                self._push(attempt, None)

    def keep(self, attempt: str) -> None:
        """Look at the manifest, and copy what is new if it is time."""
        assert self._run is not None
        newest = self._run.newest_checkpoint()
        since, last = self._pushed
        try:
            if newest == last and time.monotonic() < since + PUSH_EVERY:
                self._own(attempt)
                return
            self._push(attempt, attempt)
        except OSError as error:  # the checkpoint was just replaced, or the network is down
            logger.warning("%s is copied to %s later: %s", self._name, self._storage.url, error)
        else:
            self._pushed = time.monotonic(), newest

    def _push(self, attempt: str, holder: str | None) -> None:
        assert self._run is not None
        stored = self._storage.push(self._run, self._own(attempt), attempt=holder)
        self._own(attempt)
        self._storage.write(stored)

    def _own(self, attempt: str) -> Stored:
        stored = self._storage.read()
        if stored.attempt != attempt:
            raise TakenError(f"another benchmark trains {self._name}")
        return stored


def train(place: Place, attempt: str, environment: dict[str, str], cwd: Path) -> Ending:
    """Train a trial to its end; what a Ray task does.

    The training is a process of its own, as on a single machine: what it says goes into its output.log, its
    crash is told from the loss of the node, its threads are set before anything is computed. It ends with us,
    however we end, and Ray ends us with its node's daemon, so that a node which is given up for dead trains
    nothing any more. One that is only cut off from Ray finds out by the trial's claim.

    Args:
        place: Where its run folder is kept.
        attempt: Unique.
        environment: Variables for the process.
        cwd: Where it works, if the node has that folder.
    """
    # how Ray cancels a task; a node that was started in a script's background ignores it
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with place.claimed(attempt) as folder:
        worker = Worker.start(folder, environment, cwd if cwd.is_dir() else folder, leashed=True)
        try:
            while worker.alive:
                time.sleep(POLL)
                place.keep(attempt)
        except KeyboardInterrupt:  # the benchmark is stopped
            worker.stop()
            worker.process.wait()
        finally:
            worker.kill()
            worker.forget()
        return Ending(RunFolder(folder).finished, worker.ending)
