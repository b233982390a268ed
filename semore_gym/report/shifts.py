"""What finished agents do where they were not trained: tables in the form of ERPV's Tables 16 and 17."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from semore_gym.report.numbers import episode_count, interval, measured_cell, printed_table
from semore_gym.report.tables import GAP, Cell, Table
from semore_gym.results import paper
from semore_gym.results.metrics import METRICS, rounded
from semore_gym.results.read import FinishedRun, Shifted
from semore_gym.results.record import Evaluation
from semore_gym.results.statistics import iqm

SHOWN = ("episode_reward", "distance")
NUMBERS = (
    "Mean ± standard deviation over episodes; below, the interquartile mean over training seeds and its 95% "
    "interval. The change is the interquartile mean of each seed's own change"
)
# By where the agent was trained, and where and in which weather it drove.
PRINTED = {("HighWay", "HighWay", "hard_rain"): 16, ("HighWay", "JayWalk", "cloudy_noon"): 17}

Pairs = Sequence[tuple[FinishedRun, Shifted]]


def shift_tables(trained: str, methods: Mapping[str, Sequence[FinishedRun]]) -> Iterator[Table]:
    """For each shift, our numbers and, if the paper has some, the printed ones.

    Args:
        trained: The scenario of the training.
        methods: Its runs, by label.
    """
    found = [shifted for runs in methods.values() for run in runs for shifted in run.shifted.values()]
    for scenario, weather in dict.fromkeys((shifted.scenario, shifted.weather) for shifted in found):
        pairs = {label: _driven(runs, scenario, weather) for label, runs in methods.items()}
        gap = [GAP] * (3 * len(SHOWN) + 1)
        rows = [(label, _measured(own) if own else gap) for label, own in pairs.items()]
        there = f"in\u00a0{weather}" if scenario == trained else f"on\u00a0{scenario}"
        heads = ["method"]
        for name in SHOWN:
            own, label = METRICS[name].head, METRICS[name].label
            heads += [f"{own} on\u00a0{trained}", f"{own} {there}", f"change of {label}"]
        caption = f"Trained on {trained}, driven on {scenario} in {weather}: measured here. {NUMBERS}"
        yield Table(caption, [*heads, "seeds"], rows)
        if number := PRINTED.get((trained, scenario, weather)):
            yield _printed(number, trained)


def _driven(runs: Sequence[FinishedRun], scenario: str, weather: str) -> Pairs:
    """The runs whose agents drove there, each with what it did."""
    return [
        (run, shifted)
        for run in runs
        for shifted in run.shifted.values()
        if (shifted.scenario, shifted.weather) == (scenario, weather)
    ]


def _measured(pairs: Pairs) -> list[Cell]:
    home, away = [run.final for run, _ in pairs], [shifted.evaluation for _, shifted in pairs]
    cells = []
    for name in SHOWN:
        cells += [measured_cell(name, home), measured_cell(name, away), _change(name, home, away)]
    return [*cells, Cell(f"{len(pairs)}", episode_count(away))]


def _change(metric: str, home: Sequence[Evaluation], away: Sequence[Evaluation]) -> Cell:
    changes = [there.mean(metric) - here.mean(metric) for here, there in zip(home, away, strict=True)]
    if np.isnan(changes).any():
        return GAP
    found = iqm(changes)
    digits = METRICS[metric].decimals(found.value[0])
    middle = interval(found, digits) if found.has_interval else ""  # the cells beside it say why
    return Cell(rounded(found.value[0], digits), middle)


def _printed(number: int, trained: str) -> Table:
    table = {16: paper.erpv_table16, 17: paper.erpv_table17}[number]()
    scenarios = dict.fromkeys(scenario for scenario, _, _ in table)
    heads = {(own, name): f"{METRICS[name].head} on {own}" for name in SHOWN for own in scenarios}
    return printed_table(f"Trained on {trained}: ERPV's Table {number}. {paper.ERPV_SOURCE}", heads, table)
