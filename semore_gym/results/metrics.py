"""The metrics of an episode: how they are called, computed and written, and which values are better."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any, Literal, NamedTuple


class Step(NamedTuple):
    """One agent step, as the environment told it."""

    reward: float
    ticks: int | None  # how many ticks of the simulator it took; None where the environment has none
    info: Mapping[str, Any]


Compute = Callable[[Sequence[Step]], float | None]


@dataclass(frozen=True)
class Metric:
    """Something that is measured of every episode.

    Args:
        label: How it is called in tables and on axes.
        unit: Of its values; "" if they have none.
        better: Which values are; None if it tells of an episode and not how well it went.
        compute: Its value from an episode's steps; None where the environment does not tell.
        digits: Decimal places of values from 10 upwards; those below have one at least.
    """

    label: str
    unit: str
    better: Literal["higher", "lower"] | None
    compute: Compute
    digits: int = 0

    @property
    def title(self) -> str:
        """Label and unit, for a column or an axis."""
        return f"{self.label} ({self.unit})" if self.unit else self.label

    @property
    def head(self) -> str:
        """The title and an arrow that points to the better values."""
        return f"{self.title}\u00a0{'↑' if self.better == 'higher' else '↓'}"

    def in_words(self, value: float) -> str:
        """A value between its label and unit, "distance 81.3 m"."""
        return f"{self.label} {rounded(value, max(self.digits, 1))} {self.unit}".rstrip()

    def decimals(self, mean: float) -> int:
        """Decimal places that values around `mean` are written with."""
        return self.digits if abs(mean) >= 10.0 else max(self.digits, 1)


def total(info: str) -> Compute:
    """The sum over an episode's steps of what an info tells of each."""

    def compute(steps: Sequence[Step]) -> float | None:
        told = [float(step.info[info]) for step in steps if info in step.info]
        return fsum(told) if told else None

    return compute


def percentage(info: str) -> Compute:
    """The mean over an episode's ticks of an info's absolute value, times 100; it holds during its step."""

    def compute(steps: Sequence[Step]) -> float | None:
        told = [step for step in steps if info in step.info]
        ticks = [1 if step.ticks is None else step.ticks for step in told]
        values = (count * abs(float(step.info[info])) for count, step in zip(ticks, told, strict=True))
        return 100.0 * fsum(values) / max(sum(ticks), 1) if told else None

    return compute


def _ticks(steps: Sequence[Step]) -> int | None:
    return None if steps[0].ticks is None else sum(step.ticks or 0 for step in steps)


# Those of Semore's Table 1, and the length of an episode. A line more is a metric more: in evaluations, CSV
# files, tables and reports.
METRICS: dict[str, Metric] = {
    "episode_reward": Metric(
        "episode reward", "", "higher", lambda steps: fsum(step.reward for step in steps)
    ),
    "distance": Metric("distance", "m", "higher", total("distance")),
    "crash_intensity": Metric("crash intensity", "N·s", "lower", total("crash_intensity")),
    "average_steer": Metric("average steer", "%", "lower", percentage("steer"), digits=2),
    "average_brake": Metric("average brake", "%", "lower", percentage("brake"), digits=2),
    "ticks": Metric("length", "ticks", None, _ticks),
    "steps": Metric("length", "agent steps", None, len),
}


def compared() -> dict[str, Metric]:
    """The metrics by which policies are compared, by name."""
    return {name: metric for name, metric in METRICS.items() if metric.better}


def rounded(value: float, digits: int) -> str:
    """A number with so many decimal places, and no -0."""
    return f"{round(float(value), digits) + 0.0:.{digits}f}"
