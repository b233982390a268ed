"""How numbers are written in a report's tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from semore_gym.report.tables import GAP, Cell, Table
from semore_gym.results import paper
from semore_gym.results.labels import title
from semore_gym.results.metrics import METRICS, rounded
from semore_gym.results.record import Evaluation
from semore_gym.results.statistics import Estimate, iqm


def measured_cell(metric: str, evaluations: Sequence[Evaluation]) -> Cell:
    """Mean and deviation of the episodes of all runs; below, the estimate over runs and its interval.

    Args:
        metric: Its name.
        evaluations: One of each run.
    """
    values = [evaluation.values(metric) for evaluation in evaluations]
    if not all(values):
        return GAP
    pooled = np.concatenate(values)
    found = iqm([evaluation.mean(metric) for evaluation in evaluations])
    digits = METRICS[metric].decimals(pooled.mean())
    return Cell(spread(metric, pooled), f"{rounded(found.value[0], digits)} {interval(found, digits)}")


def printed_table(caption: str, heads: Mapping[tuple[str, str], str], table: paper.Table) -> Table:
    """Numbers as their paper prints them, which all have their metric's decimal places.

    Args:
        caption: What and whose they are.
        heads: The columns, by scenario and metric.
        table: The paper's; only these columns of it are shown.
    """
    rows = []
    for method in dict.fromkeys(method for _, _, method in table):
        cells = [_printed(metric, table[scenario, metric, method]) for scenario, metric in heads]
        rows.append((title(method), cells))
    return Table(f"{caption}; not measured here", ["method", *heads.values()], rows, printed=True)


def _printed(metric: str, value: paper.Printed) -> Cell:
    mean = rounded(value.mean, METRICS[metric].digits)
    return Cell(mean if value.std is None else f"{mean} ± {value.std:.0f}")


def spread(metric: str, values: Sequence[float] | npt.NDArray[np.float64]) -> str:
    """Mean and standard deviation."""
    mean = float(np.mean(values))
    digits = METRICS[metric].decimals(mean)
    return f"{rounded(mean, digits)} ± {rounded(float(np.std(values)), digits)}"


def interval(found: Estimate, digits: int) -> str:
    """The 95% interval of an estimate's first value."""
    if not found.has_interval:
        return "(one seed: no interval)"
    return f"[{rounded(found.low[0], digits)}, {rounded(found.high[0], digits)}]"


def episode_count(evaluations: Sequence[Evaluation]) -> str:
    """How many episodes count, and how many the simulator lost."""
    counted = sum(len(evaluation.counted) for evaluation in evaluations)
    lost = sum(len(evaluation.rows) for evaluation in evaluations) - counted
    return f"{counted} episode{'s' * (counted != 1)}" + (f", {lost} lost" if lost else "")


def duration(seconds: float) -> str:
    """A time in hours."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02} h"
