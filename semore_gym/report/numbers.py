"""How numbers are written in a report's tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from semore_gym.evaluation import Evaluation
from semore_gym.report.tables import Cell
from semore_gym.results.metrics import QUANTITIES
from semore_gym.results.paper import Printed
from semore_gym.results.read import METRICS
from semore_gym.results.statistics import Estimate

BETTER = {"episode_reward": "↑", "distance": "↑"}  # of the others, less is better
HEADS = {name: f"{QUANTITIES[name].title}\u00a0{BETTER.get(name, '↓')}" for name in METRICS}  # no break


def estimate_cell(metric: str, values: Sequence[float], found: Estimate, index: int) -> Cell:
    """Mean and deviation of episodes; below, the estimate over runs and its interval."""
    digits = digits_of(metric, float(np.mean(values)))
    middle = f"{rounded(found.value[index], digits)} {interval(found, index, digits)}"
    return Cell(spread(metric, values), middle)


def printed_cell(metric: str, value: Printed) -> Cell:
    """A number as its paper prints it: percentages with two decimal places, all others with none."""
    mean = f"{value.mean:.{2 if QUANTITIES[metric].unit == '%' else 0}f}"
    return Cell(mean if value.std is None else f"{mean} ± {value.std:.0f}")


def spread(metric: str, values: Sequence[float]) -> str:
    """Mean and standard deviation."""
    mean = float(np.mean(values))
    digits = digits_of(metric, mean)
    return f"{rounded(mean, digits)} ± {rounded(float(np.std(values)), digits)}"


def interval(found: Estimate, index: int, digits: int) -> str:
    """The 95% interval of one of an estimate's values."""
    if not found.has_interval:
        return "(one seed: no interval)"
    return f"[{rounded(found.low[index], digits)}, {rounded(found.high[index], digits)}]"


def episode_count(evaluations: Sequence[Evaluation]) -> str:
    """How many episodes count, and how many the simulator lost."""
    counted = sum(len(evaluation.counted) for evaluation in evaluations)
    lost = sum(len(evaluation.rows) for evaluation in evaluations) - counted
    return f"{counted} episode{'s' * (counted != 1)}" + (f", {lost} lost" if lost else "")


def digits_of(metric: str, mean: float) -> int:
    """Decimal places that a metric's mean is written with."""
    if QUANTITIES[metric].unit == "%":
        return 2
    return 0 if abs(mean) >= 10.0 else 1


def duration(seconds: float) -> str:
    """A time in hours."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02} h"


def rounded(value: float, digits: int) -> str:
    """A number with so many decimal places."""
    return f"{round(float(value), digits) + 0.0:.{digits}f}"  # adding zero turns -0.0 into 0.0
