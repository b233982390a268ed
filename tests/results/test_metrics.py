import csv
from dataclasses import replace
from io import StringIO

import numpy as np
import pytest
from rich.console import Console

from semore_gym.evaluation import EpisodeResult, Evaluation, table
from semore_gym.results.metrics import interquartile_mean, summarise


def result(episode=0, reward=0.0, reason="horizon", **known):
    row = EpisodeResult(episode, 100 + episode, reward, 250, 1000, 80.0, 0.0, 12.5, 1.5, reason)
    return replace(row, **known)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7, 8, 20, 41])
def test_interquartile_mean_leaves_out_a_quarter_at_each_end(n):
    values = np.random.default_rng(n).normal(size=n)
    kept = sorted(values)[n // 4 : n - n // 4]
    assert interquartile_mean(values) == pytest.approx(sum(kept) / len(kept))


def test_outliers_do_not_move_the_interquartile_mean():
    assert summarise([1e9, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, -1e9]).iqm == 3.5


def test_mean_and_standard_deviation():
    metric = summarise([1.0, 2.0, 6.0])
    assert metric.mean == pytest.approx(3.0)
    assert metric.std == pytest.approx(np.sqrt(14 / 3))


def test_intervals_are_those_of_resampled_episodes():
    values = np.random.default_rng(3).gamma(2.0, 50.0, size=25)
    rng = np.random.default_rng(99)
    means, iqms = [], []
    for _ in range(20_000):
        drawn = sorted(rng.choice(values, size=25))
        means.append(sum(drawn) / 25)
        iqms.append(sum(drawn[6:19]) / 13)
    metric = summarise(values)
    width = np.ptp(np.percentile(means, [2.5, 97.5]))
    given = [metric.mean_low, metric.mean_high, metric.low, metric.high]
    expected = [*np.percentile(means, [2.5, 97.5]), *np.percentile(iqms, [2.5, 97.5])]
    np.testing.assert_allclose(given, expected, atol=0.06 * width)
    assert summarise(values) == metric


def test_equal_episodes_have_an_interval_of_no_width():
    assert summarise([7.0] * 20)[2:] == (*(7.0,) * 5, 20)


def test_lost_episodes_are_counted_and_left_out():
    rows = [result(i, reward) for i, reward in enumerate([1.0, 2.0, 3.0])]
    lost = result(3, 1e6, "simulator_error")
    evaluation = Evaluation([*rows, lost])
    assert evaluation.metrics() == Evaluation(rows).metrics()
    assert evaluation.end_reasons() == {"horizon": 3, "simulator_error": 1}
    assert "4 episodes, 1 of them lost by the simulator and left out" in evaluation.summary()
    assert Evaluation([lost]).metrics() == {}
    assert "simulator_error 1" in Evaluation([lost]).summary()


def test_quantities_that_are_not_reported_are_absent():
    evaluation = Evaluation([result(reward=4.0, distance=None, ticks=None, average_brake=None)])
    assert set(evaluation.metrics()) == {"episode_reward", "crash_intensity", "average_steer", "steps"}
    assert "distance" not in evaluation.summary()


def test_summary_shows_table_1():
    text = Evaluation([result(i, float(i), "collision" if i < 5 else "horizon") for i in range(20)]).summary()
    for name in (
        "episode reward",
        "distance (m)",
        "crash intensity (N·s)",
        "average steer (%)",
        "average brake (%)",
    ):
        assert name in text
    assert "9.50 ± 5.77" in text
    assert "horizon 15, collision 5" in text


def test_one_episode_has_neither_spread_nor_interval():
    evaluation = Evaluation([result(reward=7.0)])
    console = Console(width=80, record=True, file=StringIO())
    console.print(table({"one": evaluation}))
    text = evaluation.summary() + console.export_text()
    assert "7.00" in text
    assert "7.0 " in text
    assert not [sign for sign in ("±", "[", "IQM", "interval") if sign in text]
    assert "\n1 episode\n" in text


def test_the_table_has_whole_names():
    name = "runs/SemoreCarla-HighWay-v0-semore-seed0-1/checkpoints/step-000008000"
    console = Console(width=80, record=True, file=StringIO())
    console.print(table({name: Evaluation([result(i, 100.0 * i) for i in range(3)])}))
    lines = console.export_text().splitlines()
    width = lines[4].index(" ")  # a whole line of the name, then the numbers
    assert "".join(line[:width].strip() for line in lines).startswith("policy" + "─" * width + name)


def test_no_negative_zero_is_printed():
    evaluation = Evaluation([result(reward=-1e-4), result(reward=-1e-3)])
    console = Console(width=80, record=True, file=StringIO())
    console.print(table({"nothing": evaluation}))
    assert "-0.0" not in evaluation.summary() + console.export_text()


def test_csv_holds_the_rows(tmp_path):
    rows = [result(0, 0.1 + 0.2), result(1, -5.0, "off_road", distance=None)]
    path = tmp_path / "evaluation.csv"
    path.write_text("old")
    Evaluation(rows).to_csv(path)
    with path.open(newline="") as file:
        read = list(csv.DictReader(file))
    assert float(read[0]["episode_reward"]) == 0.1 + 0.2
    assert read[1]["distance"] == ""
    assert [(row["episode"], row["seed"], row["end_reason"]) for row in read] == [
        ("0", "100", "horizon"),
        ("1", "101", "off_road"),
    ]
    assert list(tmp_path.iterdir()) == [path]


def test_table_fits_80_columns_and_shows_every_policy():
    rows = [
        result(i, 20.0 * i, "off_road" if i % 3 else "horizon", crash_intensity=400.0 * i) for i in range(20)
    ]
    console = Console(width=80, record=True, file=StringIO())
    unmeasured = Evaluation([replace(row, distance=None) for row in rows])
    console.print(table({"Semore [trained]": Evaluation(rows), "random": unmeasured}))
    text = console.export_text()
    assert "Semore" in text
    assert "[trained]" in text
    for cell in (
        "190 ± 115",
        "IQM 190",
        "80 ± 0",
        "3800 ± 2307",
        "12.5 ± 0.0",
        "1.5 ± 0.0",
        "13 off_road",
    ):
        assert cell in text
    assert "…" not in text
