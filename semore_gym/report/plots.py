"""The pictures of a report, as SVG."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from semore_gym.results.metrics import METRICS
from semore_gym.results.read import FinishedRun
from semore_gym.results.statistics import curve, performance_profile

# Okabe and Ito's colours, which colour-blind people can tell apart; marks and dashes tell for all others.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES = ("-", "--", "-.", ":")
ENDS = {
    "horizon": ("#009E73", ""),
    "collision": ("#D55E00", "//"),
    "off_road": ("#E69F00", ".."),
    "stuck": ("#56B4E9", "xx"),
    "simulator_error": ("#000000", ""),
}
OTHER_END = ("#CC79A7", "\\\\")
SIZE = (5.0, 3.5)  # of every picture [inch]

Scenario = Mapping[str, Sequence[FinishedRun]]


def learning_curves(methods: Scenario, order: Sequence[str], metric: str) -> bytes:
    """Interquartile mean over seeds in the course of training, with its 95% interval.

    Args:
        methods: Runs of one scenario, by label.
        order: All labels of the report: a label looks the same in all its pictures.
        metric: One of the results' metrics.
    """
    figure, axes = _axes()
    for label, runs in methods.items():
        courses = [run.course(metric) for run in runs]
        look = _look(order.index(label))
        measured = all(steps for steps, _ in courses)
        if not measured or max(steps[0] for steps, _ in courses) > min(steps[-1] for steps, _ in courses):
            axes.plot([], [], label=f"{label} (no steps that all seeds have)", **look)
            continue
        steps, found = curve(courses)
        axes.plot(steps, found.value, label=label, markersize=4, markevery=max(1, len(steps) // 12), **look)
        if found.has_interval:
            axes.fill_between(steps, found.low, found.high, color=look["color"], alpha=0.15, linewidth=0)
    axes.set(xlabel="agent steps", ylabel=METRICS[metric].title)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter("{x:,.0f}")
    return _svg(figure, axes)


def profiles(methods: Scenario, order: Sequence[str]) -> bytes:
    """Performance profiles: the share of runs above each episode reward, with their 95% intervals."""
    figure, axes = _axes()
    rewards = {label: [run.final.mean("episode_reward") for run in runs] for label, runs in methods.items()}
    everything = np.concatenate(list(rewards.values()))
    margin = max(0.05 * float(np.ptp(everything)), 1.0)
    thresholds = np.linspace(everything.min() - margin, everything.max() + margin, 101)
    for label, scores in rewards.items():
        found = performance_profile(scores, thresholds)
        look = _look(order.index(label)) | {"marker": ""}
        axes.step(thresholds, found.value, where="post", label=label, **look)
        if found.has_interval:
            axes.fill_between(
                thresholds, found.low, found.high, step="post", color=look["color"], alpha=0.12, linewidth=0
            )
    axes.set(xlabel="episode reward τ", ylabel="share of runs above τ", ylim=(-0.03, 1.03))
    return _svg(figure, axes)


def end_reasons(methods: Scenario) -> bytes:
    """How the final evaluations' episodes ended, as a stacked bar for each method."""
    figure, axes = _axes((SIZE[0], 1.3 + 0.36 * len(methods)))
    counts = {
        label: Counter(row.end_reason for run in runs for row in run.final.rows)
        for label, runs in methods.items()
    }
    found = {reason for own in counts.values() for reason in own}
    left = np.zeros(len(counts))
    for reason in [name for name in ENDS if name in found] + sorted(found - set(ENDS)):
        colour, hatch = ENDS.get(reason, OTHER_END)
        share = np.array([100.0 * own[reason] / own.total() for own in counts.values()])
        axes.barh(
            range(len(counts)), share, left=left, color=colour, hatch=hatch, edgecolor="white", label=reason
        )
        left += share
    axes.set_yticks(range(len(counts)), list(counts))
    axes.invert_yaxis()
    axes.set(xlabel="share of episodes (%)", xlim=(0, 100))
    axes.grid(visible=False)
    return _svg(figure, axes)


def _look(index: int) -> dict[str, Any]:
    return {
        "color": COLOURS[index % len(COLOURS)],
        "marker": MARKS[index % len(MARKS)],
        "linestyle": DASHES[index % len(DASHES)],
        "linewidth": 1.8,
    }


def _axes(size: tuple[float, float] = SIZE) -> tuple[Figure, Any]:
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.9")
    axes.set_axisbelow(True)
    return figure, axes


def _svg(figure: Figure, axes: Any) -> bytes:
    """Put the legend above and write the picture."""
    figure.legend(
        *axes.get_legend_handles_labels(), loc="outside upper left", ncols=3, frameon=False, fontsize=9
    )
    file = io.BytesIO()
    with rc_context({"svg.hashsalt": "semore"}):  # the same numbers give the same file
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()
