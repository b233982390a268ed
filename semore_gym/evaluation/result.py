"""What an evaluation found, episode by episode and in sum."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from semore_gym.results.metrics import QUANTITIES, Metric, summarise

LOST = "simulator_error"


@dataclass(frozen=True)
class EpisodeResult:
    """One episode; None where the environment's infos do not tell."""

    episode: int
    seed: int  # that the environment was reset with
    episode_reward: float
    steps: int  # of the agent
    ticks: int | None  # of the simulator
    distance: float | None  # along the lane [m]
    crash_intensity: float | None  # sum of the norms of the collision impulses [N*s]
    average_steer: float | None  # mean over ticks of |steer| * 100
    average_brake: float | None  # mean over ticks of brake * 100
    end_reason: str  # the environment's, or "terminated" or "truncated"


class Evaluation:
    """Episodes and their statistics.

    Episodes that ended because the simulator was lost are counted and left out of every statistic.
    Several evaluations, for example of several training seeds, are pooled by `Evaluation(a.rows + b.rows)`.

    Args:
        rows: The episodes.
    """

    def __init__(self, rows: Iterable[EpisodeResult]) -> None:
        self.rows = tuple(rows)

    def __repr__(self) -> str:
        return f"<Evaluation of {self.episode_count}>"

    @property
    def episode_count(self) -> str:
        """How many episodes there are, in words."""
        return "1 episode" if len(self.rows) == 1 else f"{len(self.rows)} episodes"

    @property
    def counted(self) -> tuple[EpisodeResult, ...]:
        """The episodes that the statistics are made of."""
        return tuple(row for row in self.rows if row.end_reason != LOST)

    def metrics(self) -> dict[str, Metric]:
        """Statistics by name.

        Returns:
            A metric for each of `QUANTITIES` that the environment reports: episode_reward, distance [m],
            crash_intensity [N*s], average_steer and average_brake [%], ticks, steps. Empty when no
            episode counts.
        """
        found: dict[str, Metric] = {}
        for name in QUANTITIES:
            values = [value for row in self.counted if (value := getattr(row, name)) is not None]
            if values:
                found[name] = summarise(values)
        return found

    def end_reasons(self) -> dict[str, int]:
        """How often each end came, the most frequent first."""
        return dict(Counter(row.end_reason for row in self.rows).most_common())

    def summary(self) -> str:
        """The metrics as a text table, for people."""
        head = ("value", "") if len(self.counted) == 1 else ("mean ± std", "IQM [95% interval]")
        lines = [f"{'':<24}{head[0]:>20}   {head[1]:>30}".rstrip()]
        for name, exact in self.metrics().items():
            mean, std, iqm, low, high = (round(value, 2) + 0.0 for value in exact[:5])  # no -0.00
            alone = exact.size == 1
            spread = f"{mean:.2f}" if alone else f"{mean:.2f} ± {std:.2f}"
            middle = "" if alone else f"{iqm:.2f} [{low:.2f}, {high:.2f}]"
            lines.append(f"{QUANTITIES[name].title:<24}{spread:>20}   {middle:>30}".rstrip())
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
        path = Path(path)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        with unfinished.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [field.name for field in fields(EpisodeResult)])
            writer.writeheader()
            writer.writerows(asdict(row) for row in self.rows)
        unfinished.replace(path)
