"""Several evaluations side by side."""

from __future__ import annotations

from collections.abc import Mapping

from rich import box
from rich.markup import escape
from rich.table import Table

from semore_gym.results.metrics import METRICS, compared
from semore_gym.results.record import Evaluation
from semore_gym.results.statistics import Summary


def table(rows: Mapping[str, Evaluation]) -> Table:
    """Semore's Table 1 of several policies, one row each, to print with rich.

    Args:
        rows: Evaluations by the policy's name.

    Returns:
        A table whose cells hold mean ± standard deviation, below it the interquartile mean, below that its
        95% bootstrap interval; of a single episode its value alone. Under the policy's name, how the
        episodes ended.
    """
    result = Table(box=box.SIMPLE_HEAD, show_edge=False, show_lines=True, caption_justify="left")
    result.padding, result.pad_edge = (0, 1, 0, 0), False
    if any(len(evaluation.counted) > 1 for evaluation in rows.values()):
        result.caption = "mean ± standard deviation of episodes, interquartile mean and its 95% interval"
    result.add_column("policy", min_width=12, overflow="fold")
    for metric in compared().values():
        result.add_column(metric.title.replace(" ", "\n"), justify="right", no_wrap=True)
    for policy, evaluation in rows.items():
        metrics = evaluation.metrics()
        cells = [_cell(name, metrics[name]) if name in metrics else "-" for name in compared()]
        ends = "\n".join(f"{count} {reason}" for reason, count in evaluation.end_reasons().items())
        result.add_row(f"[bold]{escape(policy)}[/bold]\n[dim]{ends}[/dim]", *cells)
    return result


def _cell(name: str, found: Summary) -> str:
    digits = min(METRICS[name].decimals(found.mean), 1)  # more would not fit into 80 columns
    spread, middle = found.texts(digits)
    below = middle.replace(" ", "\n", 1)  # the interval has a line of its own
    return f"{spread}\n[dim]IQM {below}[/dim]" if middle else spread
