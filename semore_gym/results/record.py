"""What an evaluation found: its episodes, from the rollout to the report, and their statistics."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from semore_gym.results.metrics import METRICS
from semore_gym.results.statistics import Summary, summarise
from semore_gym.utils.files import write_rows

LOST = "simulator_error"


@dataclass(frozen=True)
class EpisodeRecord:
    """One episode of an evaluation."""

    episode: int  # its number in the evaluation
    seed: int  # the seed that the environment was reset with
    end_reason: str  # the environment's `end_reason`, or "terminated" or "truncated"
    metrics: Mapping[str, float]  # what was measured, by names in `METRICS`

    @classmethod
    def from_row(cls, row: Mapping[str, str]) -> EpisodeRecord:
        """Read a row of evaluation_episodes.csv; what is empty or has no column was not measured.

        Raises:
            KeyError: If a column is missing that every table has; every environment tells the reward.
            ValueError: If a number is none.
        """
        measured = [name for name in METRICS if row.get(name) or name == "episode_reward"]
        metrics = {name: float(row[name]) for name in measured}
        return cls(int(row["episode"]), int(row["episode_seed"]), row["end_reason"], metrics)

    def columns(self) -> dict[str, Any]:
        """What tables hold of it: every metric, None where it was not measured, and the end."""
        return {name: self.metrics.get(name) for name in METRICS} | {"end_reason": self.end_reason}


class Evaluation:
    """Episodes and their statistics.

    Episodes that ended because the simulator was lost are counted and left out of every statistic.
    Several evaluations, for example of several training seeds, are pooled by `Evaluation(a.rows + b.rows)`.

    Args:
        rows: The episodes.
    """

    def __init__(self, rows: Iterable[EpisodeRecord]) -> None:
        self.rows = tuple(rows)

    def __repr__(self) -> str:
        return f"<Evaluation of {self.episode_count}>"

    @property
    def episode_count(self) -> str:
        """How many episodes there are, in words."""
        return "1 episode" if len(self.rows) == 1 else f"{len(self.rows)} episodes"

    @property
    def counted(self) -> tuple[EpisodeRecord, ...]:
        """The episodes that the statistics are made of."""
        return tuple(row for row in self.rows if row.end_reason != LOST)

    def values(self, metric: str) -> list[float]:
        """A metric of each episode that counts, where it was measured."""
        return [row.metrics[metric] for row in self.counted if metric in row.metrics]

    def mean(self, metric: str) -> float:
        """The mean of a metric's `values`; NaN if there is none."""
        values = self.values(metric)
        return float(np.mean(values)) if values else float("nan")

    def metrics(self) -> dict[str, Summary]:
        """Statistics of each of `METRICS` that the environment tells, by name; empty if no episode counts."""
        return {name: summarise(values) for name in METRICS if (values := self.values(name))}

    def end_reasons(self) -> dict[str, int]:
        """How often each end came, the most frequent first."""
        return dict(Counter(row.end_reason for row in self.rows).most_common())

    def summary(self) -> str:
        """The metrics as a text table, for people."""
        head = ("value", "") if len(self.counted) == 1 else ("mean ± std", "IQM [95% interval]")
        lines = [f"{'':<24}{head[0]:>20}   {head[1]:>30}".rstrip()]
        for name, found in self.metrics().items():
            spread, middle = found.texts()
            lines.append(f"{METRICS[name].title:<24}{spread:>20}   {middle:>30}".rstrip())
        lost = len(self.rows) - len(self.counted)
        lines.append(
            self.episode_count + (f", {lost} of them lost by the simulator and left out" if lost else "")
        )
        lines.append("ends: " + ", ".join(f"{reason} {n}" for reason, n in self.end_reasons().items()))
        return "\n".join(lines)

    def to_csv(self, path: str | Path) -> None:
        """Write one line an episode; what the environment does not report stays empty.

        Args:
            path: Replaced as a whole once everything is written.
        """
        rows = [{"episode": row.episode, "seed": row.seed, **row.columns()} for row in self.rows]
        write_rows(Path(path), rows)
