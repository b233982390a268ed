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
from semore_gym.benchmark.executors.ray_trial import CLAIM, Ending, holder, train
from semore_gym.benchmark.terminal import TerminalProgress
from semore_gym.benchmark.trial_process import check_untrained
from semore_gym.benchmark.trials import TrialProgress
from semore_gym.training.run_folder import RunFolder
from semore_gym.utils.devices import thread_variables

LOSSES = 10  # of its node, before a trial counts as failed
LOOK_EVERY = 1.0  # [s]


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
        runs: By name; their folders are seen by all nodes.
        at_once: How many at most; None leaves it to the cluster.
        terminal: Where it is told.
        resources: What each takes.
        address: Of the cluster; None lets Ray look for one, and start one on this machine otherwise.

    Raises:
        ModuleNotFoundError: If Ray is not installed.
        ValueError: If there is no such cluster, or one machine still trains a run.
    """

    def __init__(
        self,
        runs: Mapping[str, RunFolder],
        at_once: int | None,
        terminal: TerminalProgress,
        resources: Resources,
        address: str | None = None,
    ) -> None:
        super().__init__(runs, terminal)
        self._at_once = at_once or len(runs)
        self._resources = resources
        for trial in self.trials:
            if not (trial.run.path / CLAIM).exists():  # else it is a cluster's, which ends it
                check_untrained(trial.name, trial.run.path)
        self._ray = connect(address)
        self._train = self._ray.remote(num_cpus=resources.cpus, num_gpus=resources.gpus, max_retries=0)(train)
        self._flights: dict[Any, tuple[TrialProgress, str]] = {}  # by the task's result, with the attempt
        self._next_look = 0.0

    def run(self) -> list[TrialProgress]:
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
        for trial in self.trials:
            if trial.run.finished:
                self._finish(trial)
            else:
                trial.look()
        self._say_stock(f"{self._resources} each")
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        needed = {"CPU": self._resources.cpus, "GPU": self._resources.gpus}
        if not any(all(node.get(name, 0) >= count for name, count in needed.items()) for node in nodes):
            self._terminal.say(f"no node of the cluster has {self._resources}: waiting for one that has")

    def _collect(self) -> None:
        for result in self._ended(timeout=0.0):
            trial, _ = self._flights.pop(result)
            self._land(trial, result)
        if time.monotonic() >= self._next_look:
            try:
                self._look()
            except OSError as error:
                self._terminal.say(f"how far the trials are cannot be read now: {error}")
            self._next_look = time.monotonic() + LOOK_EVERY

    def _ended(self, timeout: float | None) -> list[Any]:
        """Tasks that have ended within a time [s]; None waits for all."""
        flights = list(self._flights)
        return self._ray.wait(flights, num_returns=len(flights), timeout=timeout)[0] if flights else []

    def _stop(self) -> None:
        for result in self._flights:
            self._ray.cancel(result)
        self._ended(timeout=None)

    def _land(self, trial: TrialProgress, result: Any) -> None:
        """See to a trial whose task has ended."""
        errors = self._ray.exceptions
        try:
            ending: Ending = self._ray.get(result)
        except (errors.RayTaskError, errors.RuntimeEnvSetupError, errors.TaskUnschedulableError) as error:
            self._end(trial, str(error).strip().splitlines()[-1], finished=False)
        except errors.RayError as error:
            self._lose(trial, type(error).__name__)
        else:
            self._end(trial, ending.words, ending.finished)

    def _lose(self, trial: TrialProgress, reason: str) -> None:
        trial.losses += 1
        if trial.losses > LOSSES:
            trial.end("failed")
            self._terminal.say(f"{trial.name} has lost its node too often, at last by {reason}")
        else:
            trial.end("waiting")
            self._terminal.say(f"{trial.name} has lost its node, {reason}, and goes on elsewhere")

    def _look(self) -> None:
        """Find out which tasks have begun."""
        for trial, attempt in self._flights.values():
            now = holder(trial.run.path)
            if trial.state == "waiting" and now.attempt == attempt:
                trial.begin()
                self._terminal.say(
                    f"{trial.name} {'goes on' if trial.steps else 'begins'}, on node {now.node}"
                )

    def _start(self) -> None:
        flying = {trial.name for trial, _ in self._flights.values()}
        for trial in self.trials:
            if len(flying) >= self._at_once:
                return
            if trial.state == "waiting" and trial.name not in flying:
                attempt = uuid4().hex
                result = self._train.remote(
                    trial.run.path.absolute(), attempt, self.environment(), Path.cwd()
                )
                self._flights[result] = trial, attempt
                flying.add(trial.name)


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
