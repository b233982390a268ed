"""A metric is one line: everything else follows from it."""

import csv
from io import StringIO

import gymnasium as gym
import numpy as np
import pytest
import torch
from rich.console import Console

from helpers.runs import make_run
from semore_gym.evaluation import ScriptedPolicy, evaluate, table
from semore_gym.report import write_report
from semore_gym.results.metrics import METRICS, Metric, Step, percentage, rounded, total
from semore_gym.training.episode_rows import EpisodeRows


@pytest.fixture
def top_speed():
    METRICS["speed"] = Metric("top speed", "m/s", "higher", lambda steps: max(s.info["speed"] for s in steps))
    yield
    del METRICS["speed"]


@pytest.mark.usefixtures("top_speed")
def test_a_metric_of_one_line_is_everywhere(tmp_path):
    env = gym.make("SemoreCarla-HighWay-v0", image_size=32, max_ticks=40)
    evaluation = evaluate(ScriptedPolicy(env), env, episodes=3)
    env.close()
    speeds = [row.metrics["speed"] for row in evaluation.rows]
    assert min(speeds) > 1.0
    assert f"top speed (m/s){f'{np.mean(speeds):.2f} ± {np.std(speeds):.2f}':>29}" in evaluation.summary()
    console = Console(width=100, file=StringIO())
    console.print(table({"scripted": evaluation}))
    assert "(m/s)" in console.file.getvalue()
    evaluation.to_csv(tmp_path / "episodes.csv")
    with (tmp_path / "episodes.csv").open(newline="") as file:
        assert [float(row["speed"]) for row in csv.DictReader(file)] == speeds
    run = make_run(tmp_path / "run", {10: [1.0, 2.0, 3.0]})
    run.write_rows("evaluation_episodes", EpisodeRows(run, torch.device("cpu")).of(evaluation, 10, 1.0))
    write_report([run.path], tmp_path / "report.html")
    markdown = (tmp_path / "report.md").read_text()
    assert "| top speed (m/s)\u00a0↑ |" in markdown
    digits = METRICS["speed"].decimals(np.mean(speeds))
    assert f"| {np.mean(speeds):.{digits}f} ± {np.std(speeds):.{digits}f}<br>" in markdown


@pytest.mark.usefixtures("top_speed")
def test_runs_from_before_a_metric_are_reported_without_it(tmp_path):
    earlier = make_run(tmp_path / "earlier", {10: [1.0]}, "sac")
    later = make_run(tmp_path / "later", {10: [2.0]}, "drq")
    (row,) = earlier.rows("evaluation_episodes")
    del row["speed"]
    earlier.write_rows("evaluation_episodes", [row])
    write_report([earlier.path], tmp_path / "report.html")
    markdown = (tmp_path / "report.md").read_text()
    assert "m/s" not in markdown
    assert "There is no top speed in any run" in markdown
    (row,) = later.rows("evaluation_episodes")
    later.write_rows("evaluation_episodes", [{**row, "speed": "12.0"}])
    write_report([earlier.path, later.path], tmp_path / "both.html")
    markdown = (tmp_path / "both.md").read_text()
    assert f"There is no top speed in {earlier.path}" in markdown
    table = markdown[markdown.index("HighWay: measured here") :].splitlines()
    cells = {line.split(" | ")[0]: line.split(" | ")[-2] for line in table[4:6]}
    assert (cells["| SAC"], cells["| DrQ"]) == ("-<br>no result", "12 ± 0<br>12 (one seed: no interval)")


def test_arrows_point_to_the_better_values():
    assert METRICS["crash_intensity"].head == "crash intensity (N·s)\u00a0↓"
    assert METRICS["distance"].head == "distance (m)\u00a0↑"


def test_percentages_weigh_steps_by_their_ticks():
    steps = [Step(0.0, 3, {"steer": -0.5}), Step(0.0, 1, {"steer": 0.1})]
    assert percentage("steer")(steps) == pytest.approx(40.0)
    assert percentage("steer")([step._replace(ticks=None) for step in steps]) == pytest.approx(30.0)
    assert percentage("brake")(steps) is None
    assert total("steer")(steps) == pytest.approx(-0.4)


def test_numbers_are_written_with_their_metrics_digits():
    assert [METRICS["distance"].decimals(mean) for mean in (9.9, -10.0, 1000.0)] == [1, 0, 0]
    assert [METRICS["average_steer"].decimals(mean) for mean in (1.0, 50.0)] == [2, 2]
    assert rounded(-0.04, 1) == "0.0"
