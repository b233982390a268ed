"""Keeps what an episode's steps tell, to measure it at its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from semore_gym.results.metrics import METRICS, Step
from semore_gym.results.record import EpisodeRecord


class Policy(Protocol):
    """Whatever chooses actions; every SB3 model does."""

    def predict(self, observation: Any, /, *, deterministic: bool = ...) -> tuple[Any, Any]:
        """The action for an observation, or the actions for a batch, and a state that is not used."""


def episode_seed(seed: int, episode: int) -> int:
    """The seed that an environment is reset with for one episode of an evaluation."""
    return int(np.random.SeedSequence([seed, episode]).generate_state(1)[0])


class Tally:
    """The steps of one episode.

    Args:
        episode: Its number in the evaluation.
        seed: The seed that the environment was reset with.
        info: What the reset told; `tick`, if the environment has it, counts the simulator's ticks.
    """

    def __init__(self, episode: int, seed: int, info: Mapping[str, Any]) -> None:
        self._episode = episode
        self._seed = seed
        self._tick: int | None = info.get("tick")
        self._steps: list[Step] = []

    def add(self, reward: float, info: Mapping[str, Any]) -> None:
        """Count one step.

        Args:
            reward: Of the step.
            info: What the step told; arrays, such as pictures, are not kept.
        """
        ticks = None
        if self._tick is not None:
            ticks = info["tick"] - self._tick
            self._tick = info["tick"]
        told = {name: value for name, value in info.items() if not getattr(value, "ndim", 0)}
        # SB3's vectorised environments hand rewards over in single precision: the same for a lone one.
        self._steps.append(Step(float(np.float32(reward)), ticks, told))

    def record(self, truncated: bool) -> EpisodeRecord:
        """The episode, which has just ended.

        Args:
            truncated: Which of gymnasium's two flags was set, where the environment gives no `end_reason`.
        """
        computed = {name: metric.compute(self._steps) for name, metric in METRICS.items()}
        metrics = {name: value for name, value in computed.items() if value is not None}
        reason = self._steps[-1].info.get("end_reason") or ("truncated" if truncated else "terminated")
        return EpisodeRecord(self._episode, self._seed, str(reason), metrics)
