"""What finished agents do where they were not trained: tables in the form of ERPV's Tables 16 and 17."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from semore_gym.evaluation import Evaluation
from semore_gym.report.numbers import (
    HEADS,
    digits_of,
    episode_count,
    estimate_cell,
    interval,
    printed_cell,
    rounded,
)
from semore_gym.report.tables import GAP, Cell, Table
from semore_gym.results import paper
from semore_gym.results.labels import title
from semore_gym.results.read import METRICS, Shifted, Trial
from semore_gym.results.statistics import iqm

LABELS = {"episode_reward": "reward", "distance": "distance"}
SHOWN = tuple(LABELS)
NUMBERS = (
    "Mean ± standard deviation over episodes; below, the interquartile mean over training seeds and its 95% "
    "interval. The change is the interquartile mean of each seed's own change"
)
# By where the agent was trained, and where and in which weather it drove.
PRINTED = {("HighWay", "HighWay", "hard_rain"): 16, ("HighWay", "JayWalk", "cloudy_noon"): 17}

Pairs = Sequence[tuple[Trial, Shifted]]


def elsewhere_tables(trained: str, methods: Mapping[str, Sequence[Trial]]) -> Iterator[Table]:
    """For each place elsewhere, our numbers and, if the paper has some, the printed ones.

    Args:
        trained: The scenario of the training.
        methods: Its trials, by label.
    """
    found = [shifted for trials in methods.values() for trial in trials for shifted in trial.shifted.values()]
    for scenario, weather in dict.fromkeys((shifted.scenario, shifted.weather) for shifted in found):
        pairs = {label: _driven(trials, scenario, weather) for label, trials in methods.items()}
        gap = [GAP] * (3 * len(SHOWN) + 1)
        rows = [(label, _measured(own) if own else gap) for label, own in pairs.items()]
        there = f"in\u00a0{weather}" if scenario == trained else f"on\u00a0{scenario}"
        heads = ["method"]
        for name in SHOWN:
            own = HEADS[name]
            heads += [f"{own} on\u00a0{trained}", f"{own} {there}", f"change of {LABELS[name]}"]
        caption = f"Trained on {trained}, driven on {scenario} in {weather}: measured here. {NUMBERS}"
        yield Table(caption, [*heads, "seeds"], rows)
        if number := PRINTED.get((trained, scenario, weather)):
            yield _printed(number, trained)


def _driven(trials: Sequence[Trial], scenario: str, weather: str) -> Pairs:
    """The trials that drove there, each with what it did."""
    place = (scenario, weather)
    return [
        (trial, shifted)
        for trial in trials
        for shifted in trial.shifted.values()
        if (shifted.scenario, shifted.weather) == place
    ]


def _measured(pairs: Pairs) -> list[Cell]:
    home, away = (np.array(own) for own in zip(*((a.scores(), b.scores()) for a, b in pairs), strict=True))
    cells = []
    for name in SHOWN:
        column = METRICS.index(name)
        change = away[:, column] - home[:, column]
        found = iqm(np.stack([home[:, column], away[:, column], change], axis=1))
        for index, evaluations in enumerate(zip(*((a.final, b.evaluation) for a, b in pairs), strict=True)):
            cells.append(estimate_cell(name, _values(name, evaluations), found, index))
        digits = digits_of(name, found.value[2])
        middle = interval(found, 2, digits) if found.has_interval else ""  # the cells beside it say why
        cells.append(Cell(rounded(found.value[2], digits), middle))
    return [*cells, Cell(f"{len(pairs)}", episode_count([shifted.evaluation for _, shifted in pairs]))]


def _values(metric: str, evaluations: Sequence[Evaluation]) -> list[float]:
    return [getattr(row, metric) for evaluation in evaluations for row in evaluation.counted]


def _printed(number: int, trained: str) -> Table:
    table = {16: paper.erpv_table16, 17: paper.erpv_table17}[number]()
    places = list(dict.fromkeys(place for place, _, _ in table))
    heads = [f"{HEADS[name]} on {place}" for name in SHOWN for place in places]
    rows = [
        (
            title(method),
            [printed_cell(name, table[place, name, method]) for name in SHOWN for place in places],
        )
        for method in dict.fromkeys(method for _, _, method in table)
    ]
    caption = f"Trained on {trained}: ERPV's Table {number}. {paper.ERPV_SOURCE}; not measured here"
    return Table(caption, ["method", *heads], rows, printed=True)
