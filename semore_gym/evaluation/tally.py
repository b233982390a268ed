"""Adds up one episode from its rewards and infos."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from semore_gym.evaluation.result import EpisodeResult


class Policy(Protocol):
    """Whatever chooses actions; every SB3 model does."""

    def predict(self, observation: Any, /, *, deterministic: bool = ...) -> tuple[Any, Any]:
        """The action for an observation, or the actions for a batch, and a state that is not used."""


def episode_seed(seed: int, episode: int) -> int:
    """The seed that an environment is reset with for one episode of an evaluation."""
    return int(np.random.SeedSequence([seed, episode]).generate_state(1)[0])


class Tally:
    """Adds up one episode.

    Args:
        episode: Its number in the evaluation.
        seed: The seed that the environment was reset with.
        info: What the reset told.
    """

    def __init__(self, episode: int, seed: int, info: Mapping[str, Any]) -> None:
        self.episode = episode
        self.seed = seed
        self._reward = 0.0
        self._steps = 0
        self._tick: int | None = info.get("tick")
        self._ticks = 0
        self._sums: dict[str, float] = {}

    def add(self, reward: float, info: Mapping[str, Any]) -> None:
        """Count one step.

        Args:
            reward: Of the step.
            info: What the step told; `distance` [m] and `crash_intensity` [N*s] are the step's own, `steer`
                and `brake` held during all its ticks.
        """
        # SB3's vectorised environments hand rewards over in single precision: the same for a lone one.
        self._reward += float(np.float32(reward))
        self._steps += 1
        ticks = self._count_ticks(info)
        weights = {"distance": 1.0, "crash_intensity": 1.0, "steer": ticks, "brake": ticks}
        for name, weight in weights.items():
            if name in info:
                value = abs(info[name]) if name == "steer" else info[name]
                self._sums[name] = self._sums.get(name, 0.0) + weight * float(value)

    def result(self, end_reason: str) -> EpisodeResult:
        """The episode, which has just ended."""
        duration = max(self._ticks, 1)
        percent = {
            name: 100.0 * self._sums[name] / duration for name in ("steer", "brake") if name in self._sums
        }
        return EpisodeResult(
            episode=self.episode,
            seed=self.seed,
            episode_reward=self._reward,
            steps=self._steps,
            ticks=None if self._tick is None else self._ticks,
            distance=self._sums.get("distance"),
            crash_intensity=self._sums.get("crash_intensity"),
            average_steer=percent.get("steer"),
            average_brake=percent.get("brake"),
            end_reason=end_reason,
        )

    def _count_ticks(self, info: Mapping[str, Any]) -> int:
        """Ticks that the step took; where the environment has no ticks, each step counts as one."""
        ticks = 1
        if self._tick is not None:
            ticks = info["tick"] - self._tick
            self._tick = info["tick"]
        self._ticks += ticks
        return ticks


def end_reason(info: Mapping[str, Any], truncated: bool) -> str:
    """Why an episode ended: the environment's word, or which of gymnasium's two flags was set."""
    return str(info.get("end_reason") or ("truncated" if truncated else "terminated"))
