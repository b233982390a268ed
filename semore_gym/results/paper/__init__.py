"""Tables as their papers print them, to stand beside ours and never to be mixed with them."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from importlib import resources
from typing import NamedTuple

SOURCE = "CARLA, by the paper's authors (arXiv 2512.05172)"
ERPV_SOURCE = "CARLA, by ERPV's authors"


class Printed(NamedTuple):
    """One cell of a printed table."""

    mean: float
    std: float | None  # deviation over 5 seeds, ERPV's over 3; None where the paper prints none


Table = Mapping[tuple[str, str, str], Printed]  # by scenario, metric, method


def table1() -> Table:
    """Seven methods on three scenarios, five metrics each.

    Returns:
        Means and standard deviations over 5 seeds; `average_steer` and `average_brake` [%] have no deviation.

    Example:
        >>> from semore_gym.results.paper import table1
        >>> table1()["HighWay", "episode_reward", "semore"]
        Printed(mean=316.0, std=33.0)
    """
    return _read("table1.csv")


def table2() -> Table:
    """The ablations M1 to M4 on three scenarios: `distance` [m] and `crash_intensity`.

    Returns:
        Means; the methods are called as our variants, `m1` to `m4`.
    """
    return _read("table2.csv")


def erpv_table16() -> Table:
    """DeepMDP and ERPV, trained on HighWay and driven there in rain.

    Returns:
        `episode_reward` and `distance` [m] on "HighWay" and on "HighWay with rain".
    """
    return _read("erpv_table16.csv")


def erpv_table17() -> Table:
    """DeepMDP and ERPV, trained on HighWay and driven on JayWalk.

    Returns:
        `episode_reward` and `distance` [m] on "HighWay" and on "JayWalk".
    """
    return _read("erpv_table17.csv")


def _read(name: str) -> Table:
    text = resources.files("semore_gym.results.paper").joinpath(name).read_text(encoding="utf-8")
    return {
        (row["scenario"], row["metric"], row["method"]): Printed(
            float(row["mean"]), float(row["std"]) if row["std"] else None
        )
        for row in csv.DictReader(text.splitlines())
    }
