"""Runs trials on a Ray cluster, one task each."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from semore_gym.benchmark.executors.base import Executor
from semore_gym.benchmark.executors.local import thread_variables
from semore_gym.benchmark.executors.ray_storage import RunStorage
from semore_gym.benchmark.executors.ray_trial import CLAIM, Ending, Place, SharedFolder, StoredFolder, train
from semore_gym.benchmark.executors.worker import Worker
from semore_gym.benchmark.jobs import Job
from semore_gym.benchmark.view import View
from semore_gym.config import TrainConfig
from semore_gym.training.run_folder import RunFolder

LOSSES = 10  # of its node, before a trial counts as failed
LOOK_EVERY = 1.0  # [s]
FETCH_EVERY = 5.0  # [s]


@dataclass(frozen=True)
class Resources:
    """What a trial takes of a cluster."""

    cpus: int
    gpus: float

    def __str__(self) -> str:
        parts = [f"{self.cpus} CPU{'s' * (self.cpus > 1)}", f"{self.gpus:g} GPU"]
        return " and ".join(parts[: 2 if self.gpus else 1])


class RayExecutor(Executor):
    """Trains runs on a Ray cluster, as many at a time as it has room for.

    A run whose node is lost goes on elsewhere from its newest checkpoint, which is no failure of its own.

    Args:
        runs: By name.
        at_once: How many at most; None leaves it to the cluster.
        view: Where it is told.
        resources: What each takes.
        address: Of the cluster; None lets Ray look for one, and start one on this machine otherwise.
        storage: URL where runs are kept; None means that all nodes see the runs' folders.

    Raises:
        ModuleNotFoundError: If Ray or fsspec is not installed.
        ValueError: If there is no such cluster, or what is stored is not these runs.
    """

    def __init__(
        self,
        runs: Mapping[str, RunFolder],
        at_once: int | None,
        view: View,
        resources: Resources,
        address: str | None = None,
        storage: str | None = None,
    ) -> None:
        super().__init__(runs, view)
        self._at_once = at_once or len(runs)
        self._resources = resources
        self._storages = {
            name: RunStorage(f"{storage.rstrip('/')}/trials/{name}") for name in runs if storage is not None
        }
        for job in self.jobs:
            self._check(job)
            self._fetch(job)
        self._ray = connect(address)
        self._train = self._ray.remote(num_cpus=resources.cpus, num_gpus=resources.gpus, max_retries=0)(train)
        self._flights: dict[Any, tuple[Job, str]] = {}  # by the task's result, with the attempt
        self._next_look = 0.0

    def run(self) -> list[Job]:
        """Train, as of `Executor`; Ray is left afterwards."""
        try:
            return super().run()
        finally:
            self._ray.shutdown()

    def environment(self) -> dict[str, str]:
        """Variables of a training, beside those that Ray sets for the GPUs that it gives."""
        variables = thread_variables(self._resources.cpus)
        return variables if self._resources.gpus else {**variables, "CUDA_VISIBLE_DEVICES": ""}

    def _take_stock(self) -> None:
        for job in self.jobs:
            if job.run.finished:
                self._finish(job)
            else:
                job.look()
        self._say_stock(f"{self._resources} each")
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        needed = {"CPU": self._resources.cpus, "GPU": self._resources.gpus}
        if not any(all(node.get(name, 0) >= count for name, count in needed.items()) for node in nodes):
            self._view.say(f"no node of the cluster has {self._resources}: waiting for one that has")

    def _collect(self) -> None:
        for result in self._ended(timeout=0.0):
            job, _ = self._flights.pop(result)
            self._fetch(job)
            self._land(job, result)
        if time.monotonic() >= self._next_look:
            try:
                self._look()
            except OSError as error:
                self._view.say(f"how far the trials are cannot be read now: {error}")
            self._next_look = time.monotonic() + (FETCH_EVERY if self._storages else LOOK_EVERY)

    def _ended(self, timeout: float | None) -> list[Any]:
        """Tasks that have ended within a time [s]; None waits for all."""
        flights = list(self._flights)
        return self._ray.wait(flights, num_returns=len(flights), timeout=timeout)[0] if flights else []

    def _stop(self) -> None:
        for result in self._flights:
            self._ray.cancel(result)
        self._ended(timeout=None)
        for job, _ in self._flights.values():
            self._fetch(job)

    def _land(self, job: Job, result: Any) -> None:
        """See to a trial whose task has ended."""
        errors = self._ray.exceptions
        try:
            ending: Ending = self._ray.get(result)
        except (errors.RayTaskError, errors.RuntimeEnvSetupError, errors.TaskUnschedulableError) as error:
            self._end(job, str(error).strip().splitlines()[-1], finished=False)
        except errors.RayError as error:
            self._lose(job, type(error).__name__)
        else:
            if ending.finished and job.name in self._storages and not job.run.finished:
                # a folder of the node's own, for example
                ending = Ending(False, "this machine does not find at the URL what the node has written")
            self._end(job, ending.words, ending.finished)

    def _lose(self, job: Job, reason: str) -> None:
        job.losses += 1
        if job.losses > LOSSES:
            job.end("failed")
            self._view.say(f"{job.name} has lost its node too often, at last by {reason}")
        else:
            job.end("waiting")
            self._view.say(f"{job.name} has lost its node, {reason}, and goes on elsewhere")

    def _look(self) -> None:
        """Find out which tasks have begun, and how far those are whose folders are elsewhere."""
        for job, attempt in self._flights.values():
            holder = self._place(job).holder()
            if holder.attempt != attempt:
                continue
            if job.state == "waiting":
                job.begin()
                self._view.say(f"{job.name} {'goes on' if job.steps else 'begins'}, on node {holder.node}")
            self._fetch(job)

    def _start(self) -> None:
        flying = {job.name for job, _ in self._flights.values()}
        for job in self.jobs:
            if len(flying) >= self._at_once:
                return
            if job.state == "waiting" and job.name not in flying:
                attempt = uuid4().hex
                result = self._train.remote(self._place(job), attempt, self.environment(), Path.cwd())
                self._flights[result] = job, attempt
                flying.add(job.name)

    def _place(self, job: Job) -> Place:
        if job.name in self._storages:
            return StoredFolder(self._storages[job.name], job.name, job.run.config)
        return SharedFolder(job.run.path.absolute())

    def _check(self, job: Job) -> None:
        path = job.run.path
        left_behind = Worker.left_behind(path)
        if left_behind is not None and not (path / CLAIM).exists():  # claimed: of a cluster, which ends it
            raise ValueError(
                f"{job.name} is still trained by process {left_behind.process.pid}: end it, or watch it with "
                "the local executor"
            )
        if job.name in self._storages:
            storage = self._storages[job.name]
            stored = storage.text("config.json")
            if stored is not None and TrainConfig.from_json(stored) != job.run.config:
                raise ValueError(f"{storage.url} is a run of another config than the matrix has")

    def _fetch(self, job: Job) -> None:
        """Bring the run's folder up to date, if it is stored elsewhere: its tables, at its end everything."""
        storage = self._storages.get(job.name)
        if storage is None or job.run.finished:
            return
        try:
            storage.pull(job.run.path, lambda name: "/" not in name)
            if any(name.startswith("videos/") for name in storage.read().files):  # what a training does last
                storage.pull(job.run.path)
        except FileNotFoundError:
            pass  # replaced by newer ones meanwhile, which come with the next look


def connect(address: str | None) -> Any:
    """Ray, connected to a cluster.

    Args:
        address: As of `RayExecutor`.

    Raises:
        ModuleNotFoundError: If it is not installed.
        ValueError: If there is no such cluster.
    """
    try:
        import ray
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f'the ray executor needs {error.name}: pip install "semore-gym[ray]"', name=error.name
        ) from error
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # of a cluster that is started here
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise ValueError(f"no Ray cluster at {address or os.environ.get('RAY_ADDRESS')}: {error}") from error
    return ray
