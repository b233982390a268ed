"""The tables of a report: what was measured, what the paper prints, what can be said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from semore_gym.report.numbers import duration, episode_count, interval, measured_cell, printed_table, spread
from semore_gym.report.shifts import shift_tables
from semore_gym.report.tables import GAP, Cell, Table
from semore_gym.results import paper
from semore_gym.results.labels import given_label, grouped, name_runs
from semore_gym.results.metrics import METRICS, compared
from semore_gym.results.read import FinishedRun, Results
from semore_gym.results.record import Evaluation
from semore_gym.results.statistics import probability_of_improvement, verdict
from semore_gym.scenarios import SCENARIOS

Groups = Mapping[tuple[str, str], Sequence[FinishedRun]]


class Content:
    """Finished runs sorted into rows and scenarios, and their tables.

    Args:
        results: What was read; at least one run.
    """

    def __init__(self, results: Results) -> None:
        labels: Mapping[Path, str] = name_runs(results.runs)
        self.groups: Groups = grouped(results.runs, labels)
        self.labels = list(dict.fromkeys(labels.values()))
        found = {scenario for _, scenario in self.groups}
        self._metrics = [name for name in compared() if any(run.final.values(name) for run in results.runs)]
        self.scenarios = [name for name in SCENARIOS if name in found] + sorted(found - set(SCENARIOS))

    def measured(self, scenario: str, references: Mapping[str, Evaluation]) -> Table:
        """Our numbers of a scenario, in the form of the paper's Table 1.

        Args:
            scenario: One of `scenarios`.
            references: What drivers that have learnt nothing reach there, by name.
        """
        rows = [(label, self._measured(self.groups.get((label, scenario), []))) for label in self.labels]
        rows += [(name, self._untrained(evaluation)) for name, evaluation in references.items()]
        return Table(
            f"{scenario}: measured here. Mean ± standard deviation over episodes; below, the interquartile "
            "mean over training seeds and its 95% stratified bootstrap interval. Episodes that the simulator "
            "lost are counted and left out",
            ["method", *(METRICS[name].head for name in self._metrics), "seeds"],
            rows,
        )

    def printed(self, scenario: str) -> list[Table]:
        """The paper's numbers for a scenario: Table 1, and Table 2 where there are variants of ours."""
        tables = [_printed(1, paper.table1(), scenario)]
        given = {given_label(run) for runs in self.groups.values() for run in runs}
        if given & {method for _, _, method in paper.table2()}:
            tables.append(_printed(2, paper.table2(), scenario))
        return [table for table in tables if len(table.columns) > 1]

    def shifts(self) -> list[Table]:
        """What the finished agents do where they were not trained, and what ERPV prints of that."""
        tables: list[Table] = []
        for scenario in self.scenarios:
            methods = {label: runs for (label, own), runs in self.groups.items() if own == scenario}
            tables += shift_tables(scenario, methods)
        return tables

    def improvement(self) -> Table | None:
        """How probably one method's run beats another's, by episode reward; None of a single method."""
        methods = {label: runs[0].facts["method"] for (label, _), runs in self.groups.items()}
        reference = next((label for label in self.labels if methods[label] == "semore"), self.labels[0])
        others = [label for label in self.labels if label != reference]
        if not others:
            return None
        spans = [[scenario] for scenario in self.scenarios]
        if len(spans) > 1:
            spans.append(self.scenarios)
        rows = [(other, [self._improvement(reference, other, span) for span in spans]) for other in others]
        return Table(
            f"Probability that a run of {reference} has a higher episode reward than one of the method at "
            "the left, its 95% interval, and what that allows to say",
            [f"{reference} over", *self.scenarios, *(["all scenarios"] if len(spans) > 1 else [])],
            rows,
        )

    def cost(self) -> Table:
        """Wall-clock time by method, evaluations included, and the memory that it takes on a GPU."""
        rows = []
        on_gpu = any(run.gpu_memory for group in self.groups.values() for run in group)
        for label in self.labels:
            runs = [run for (own, _), group in self.groups.items() if own == label for run in group]
            seconds = np.array([run.wall_seconds for run in runs])
            steps = sum(next(reversed(run.evaluations)) for run in runs)
            devices = sorted({run.facts["device"] for run in runs})
            cells = [f"{len(runs)}", duration(seconds.mean()), duration(seconds.sum())]
            cells += [f"{steps / max(seconds.sum(), 1e-9):.1f}", ", ".join(devices)]
            if on_gpu:
                most = max(run.gpu_memory or 0 for run in runs)
                cells.append(f"{most / 1024:.2f} GiB" if most else "-")
            rows.append((label, [Cell(text) for text in cells]))
        heads = ["method", "runs", "time per run", "time in all", "agent steps per second", "device"]
        caption = "Wall-clock time of the training runs, their evaluations included"
        if on_gpu:
            heads.append("peak GPU memory")
            caption += "; memory is the most that torch held at once in any run, without a simulator's"
        return Table(caption, heads, rows)

    def _measured(self, runs: Sequence[FinishedRun]) -> list[Cell]:
        if not runs:
            return [GAP] * (len(self._metrics) + 1)
        finals = [run.final for run in runs]
        cells = [measured_cell(name, finals) for name in self._metrics]
        return [*cells, Cell(f"{len(runs)}", episode_count(finals))]

    def _untrained(self, evaluation: Evaluation) -> list[Cell]:
        values = {name: evaluation.values(name) for name in self._metrics}
        cells = [Cell(spread(name, own), "not trained") if own else GAP for name, own in values.items()]
        return [*cells, Cell("-", episode_count([evaluation]))]

    def _improvement(self, reference: str, other: str, scenarios: Sequence[str]) -> Cell:
        pairs = [(label, scenario) for label in (reference, other) for scenario in scenarios]
        if len({run.facts["backend"] for pair in pairs for run in self.groups.get(pair, ())}) > 1:
            return Cell("-", "another simulator")
        ours, theirs = (self._rewards(label, scenarios) for label in (reference, other))
        if not ours or not theirs:
            return GAP
        found = probability_of_improvement(ours, theirs)
        return Cell(f"{found.value[0]:.2f}", f"{interval(found, 2)} {verdict(found)}")

    def _rewards(self, label: str, scenarios: Sequence[str]) -> list[list[float]]:
        """Final episode rewards, (runs, scenarios), of the seeds that are there in all of the scenarios."""
        by_seed = [
            {
                run.facts["seed"]: run.final.mean("episode_reward")
                for run in self.groups.get((label, scenario), [])
            }
            for scenario in scenarios
        ]
        seeds = sorted(set.intersection(*map(set, by_seed)))
        return [[own[seed] for own in by_seed] for seed in seeds]


def _printed(number: int, table: paper.Table, scenario: str) -> Table:
    own = {metric for name, metric, _ in table if name == scenario}
    heads = {  # the paper tells no unit of impulses
        (scenario, name): metric.head.replace(" (N·s)", "") for name, metric in METRICS.items() if name in own
    }
    return printed_table(f"{scenario}: the paper's Table {number}. {paper.SOURCE}", heads, table)
