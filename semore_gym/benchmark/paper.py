"""Semore's Tables 1 and 2 as the paper prints them, to stand beside ours and never to be mixed with them."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from importlib import resources
from typing import NamedTuple

SOURCE = "CARLA, by the paper's authors (arXiv 2512.05172)"


class Printed(NamedTuple):
    """One cell of a printed table."""

    mean: float
    std: float | None  # over 5 seeds; None where the paper prints none


Table = Mapping[tuple[str, str, str], Printed]  # by scenario, metric, method


def table1() -> Table:
    """Seven methods on three scenarios, five metrics each.

    Returns:
        Means and standard deviations over 5 seeds; `average_steer` and `average_brake` [%] have no deviation.

    Example:
        >>> from semore_gym.benchmark.paper import table1
        >>> table1()["HighWay", "episode_reward", "semore"]
        Printed(mean=316.0, std=33.0)
    """
    return _read("paper_table1.csv")


def table2() -> Table:
    """The ablations M1 to M4 on three scenarios: `distance` [m] and `crash_intensity`.

    Returns:
        Means; the methods are called as our variants, `m1` to `m4`.
    """
    return _read("paper_table2.csv")


def _read(name: str) -> Table:
    text = resources.files("semore_gym.benchmark").joinpath(name).read_text(encoding="utf-8")
    return {
        (row["scenario"], row["metric"], row["method"]): Printed(
            float(row["mean"]), float(row["std"]) if row["std"] else None
        )
        for row in csv.DictReader(text.splitlines())
    }
