import csv
from dataclasses import replace
from io import StringIO

from rich.console import Console

from semore_gym.evaluation import EpisodeRecord, Evaluation, table

MEASURED = {"distance": 80.0, "crash_intensity": 0.0, "average_steer": 12.5, "average_brake": 1.5}
LENGTH = {"ticks": 1000, "steps": 250}


def result(episode=0, reward=0.0, reason="horizon", **known):
    metrics = {"episode_reward": reward, **MEASURED, **LENGTH, **known}
    return EpisodeRecord(episode, 100 + episode, reason, metrics)


def without(row, *names):
    return replace(row, metrics={name: value for name, value in row.metrics.items() if name not in names})


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
    evaluation = Evaluation([without(result(reward=4.0), "distance", "ticks", "average_brake")])
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
    rows = [result(0, 0.1 + 0.2), without(result(1, -5.0, "off_road"), "distance")]
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
    columns = {"episode", "seed", "episode_reward", *MEASURED, *LENGTH, "end_reason"}
    assert set(read[0]) == columns
    assert list(tmp_path.iterdir()) == [path]


def test_table_fits_80_columns_and_shows_every_policy():
    rows = [
        result(i, 20.0 * i, "off_road" if i % 3 else "horizon", crash_intensity=400.0 * i) for i in range(20)
    ]
    console = Console(width=80, record=True, file=StringIO())
    unmeasured = Evaluation([without(row, "distance") for row in rows])
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
