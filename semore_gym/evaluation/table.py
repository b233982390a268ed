"""Several evaluations side by side."""

from __future__ import annotations

from collections.abc import Mapping

from rich import box
from rich.markup import escape
from rich.table import Table

from semore_gym.evaluation.result import Evaluation
from semore_gym.results.metrics import Metric

COLUMNS = {
    "episode_reward": "episode\nreward",
    "distance": "distance\n(m)",
    "crash_intensity": "crash\nintensity\n(N·s)",
    "average_steer": "average\nsteer\n(%)",
    "average_brake": "average\nbrake\n(%)",
}


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
    for title in COLUMNS.values():
        result.add_column(title, justify="right", no_wrap=True)
    for policy, evaluation in rows.items():
        metrics = evaluation.metrics()
        cells = [_cell(name, metrics[name]) if name in metrics else "-" for name in COLUMNS]
        ends = "\n".join(f"{count} {reason}" for reason, count in evaluation.end_reasons().items())
        result.add_row(f"[bold]{escape(policy)}[/bold]\n[dim]{ends}[/dim]", *cells)
    return result


def _cell(name: str, metric: Metric) -> str:
    digits = 0 if abs(metric.mean) >= 10 and "average" not in name else 1
    # Adding zero turns -0.0 into 0.0.
    mean, std, iqm, low, high = (f"{round(value, digits) + 0.0:.{digits}f}" for value in metric[:5])
    if metric.size == 1:
        return mean
    return f"{mean} ± {std}\n[dim]IQM {iqm}\n\\[{low}, {high}][/dim]"
