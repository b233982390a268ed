import json

import pytest

from helpers.runs import MEASURED, make_run
from semore_gym.results.read import read_results


def test_a_run_comes_back_as_it_was_measured(tmp_path):
    make_run(tmp_path / "run", {0: [1.0, 3.0], 10: [5.0, 8.0]}, algo="drq", seed=4)
    (found,) = read_results([tmp_path / "run"]).runs
    assert (found.facts["method"], found.facts["scenario"], found.facts["seed"]) == ("drq", "HighWay", "4")
    means = {name: metric.mean for name, metric in found.final.metrics().items()}
    assert means == {"episode_reward": 6.5, "distance": 13, **MEASURED}
    assert found.course("distance") == ([0, 10], [4, 13])
    assert found.wall_seconds == 360


def test_episodes_that_the_simulator_lost_do_not_count(tmp_path):
    make_run(tmp_path / "run", {0: [9.0], 10: [4.0, 100.0]}, ends=("horizon", "simulator_error"))
    (found,) = read_results([tmp_path / "run"]).runs
    assert found.final.mean("episode_reward") == 4
    assert len(found.final.rows) == 2


def test_an_evaluation_that_was_lost_is_no_point_of_the_curve(tmp_path):
    run = make_run(tmp_path / "run", {0: [1.0], 10: [4.0]}, ends=("horizon",))
    rows = run.rows("evaluation_episodes")
    run.write_rows("evaluation_episodes", [{**rows[0], "end_reason": "simulator_error"}, rows[1]])
    (found,) = read_results([run.path]).runs
    assert found.course("episode_reward") == ([10], [4])


def test_what_is_missing_or_unfinished_in_a_benchmark_is_named(tmp_path):
    trials = tmp_path / "trials"
    make_run(trials / "whole", {10: [1.0]})
    make_run(trials / "stopped", {10: [1.0]}, steps=20)
    make_run(trials / "short", {10: [1.0]}, evaluation_episodes=3)
    make_run(trials / "lost", {10: [1.0]}, ends=("simulator_error",))
    run = make_run(trials / "early", {10: [1.0]})
    (run.path / "evaluation_episodes.csv").unlink()
    planned = ["whole", "stopped", "short", "lost", "early", "planned"]
    (tmp_path / "benchmark.json").write_text(json.dumps({"name": "mine", "trials": planned}))
    results = read_results([tmp_path])
    assert [run.path.name for run in results.runs] == ["whole"]
    assert results.benchmarks[tmp_path]["name"] == "mine"
    assert list(results.gaps) == [
        f"{trials}/early: no evaluation_episodes.csv, so no evaluation yet",
        f"{trials}/lost: the simulator was lost in every episode of the last evaluation",
        f"{trials}/planned: not begun",
        f"{trials}/short: the last evaluation has 1 of 3 episodes",
        f"{trials}/stopped: unfinished: 10 of 20 agent steps",
    ]


def cut_a_row(text):
    return text[: text.rindex(",")]


def lose_a_column(text):
    return text.replace("end_reason", "end")


def lose_the_reward(text):
    return text.replace("episode_reward", "return")


def break_a_number(text):
    return text.replace("1000.0", "10x0")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (cut_a_row, "a row breaks off"),
        (lose_a_column, "'end_reason'"),
        (lose_the_reward, "'episode_reward'"),
        (break_a_number, "10x0"),
    ],
)
def test_a_damaged_table_is_named(tmp_path, damage, reason):
    run = make_run(tmp_path / "run", {10: [1.0, 2.0]})
    file = run.path / "evaluation_episodes.csv"
    file.write_text(damage(file.read_text()))
    results = read_results([run.path])
    assert not results.runs
    assert reason in results.gaps[0]
    assert "damaged" in results.gaps[0]
    assert str(run.path) in results.gaps[0]


def test_a_metric_that_an_older_table_has_not_was_not_measured(tmp_path):
    run = make_run(tmp_path / "run", {0: [1.0], 10: [1.0, 2.0]})
    rows = run.rows("evaluation_episodes")
    for row in rows:
        del row["distance"]
        row["crash_intensity"] = ""
    run.write_rows("evaluation_episodes", rows)
    (found,) = read_results([run.path]).runs
    assert set(found.final.metrics()) == {"episode_reward", *MEASURED} - {"crash_intensity"}
    assert found.course("distance") == ([], [])


def test_damaged_configs_and_descriptions_are_named(tmp_path):
    run = make_run(tmp_path / "trials" / "one", {10: [1.0]})
    make_run(tmp_path / "trials" / "two", {10: [1.0]})
    (run.path / "config.json").write_text('{"algo": "sac", ')
    (tmp_path / "benchmark.json").write_text("[1, 2]")
    results = read_results([tmp_path])
    assert len(results.runs) == 1
    assert "benchmark.json cannot be read: expected a JSON object, got list" in results.gaps[0]
    assert "one/config.json cannot be used" in results.gaps[1]


def test_a_run_does_not_count_twice(tmp_path):
    make_run(tmp_path / "run", {10: [1.0]})
    with pytest.raises(ValueError, match="given twice"):
        read_results([tmp_path / "run", tmp_path / "run" / ".." / "run"])


def test_a_folder_that_is_neither_is_refused(tmp_path):
    with pytest.raises(ValueError, match="neither a benchmark"):
        read_results([tmp_path])
    with pytest.raises(ValueError, match="got none"):
        read_results([])


def test_what_an_agent_did_elsewhere_is_kept_apart(tmp_path):
    run = make_run(
        tmp_path / "run", {0: [9.0], 10: [5.0, 8.0]}, shifted={"hard_rain": [1.0, 2.0], "JayWalk": [4.0, 4.0]}
    )
    (found,) = read_results([run.path]).runs
    assert found.final.mean("episode_reward") == 6.5
    assert (found.facts["scenario"], found.facts["weather"]) == ("HighWay", "cloudy_noon")
    assert found.course("episode_reward") == ([0, 10], [9, 6.5])
    rain, jaywalk = found.shifted["hard_rain"], found.shifted["JayWalk"]
    assert (rain.scenario, rain.weather) == ("HighWay", "hard_rain")
    assert (jaywalk.scenario, jaywalk.weather) == ("JayWalk", "cloudy_noon")
    assert [there.evaluation.mean("episode_reward") for there in (rain, jaywalk)] == [1.5, 4.0]


def test_shifts_that_are_missing_lost_or_of_another_agent_are_named(tmp_path):
    run = make_run(
        tmp_path / "run", {10: [5.0]}, shifted={"hard_rain": [1.0], "JayWalk": [4.0], "midnight": [3.0]}
    )
    rain, jaywalk, midnight = run.rows("shifted_episodes")
    run.write_rows(
        "shifted_episodes", [{**rain, "end_reason": "simulator_error"}, {**jaywalk, "step": "9"}, midnight]
    )
    results = read_results([run.path])
    assert list(results.runs[0].shifted) == ["midnight"]
    assert list(results.gaps) == [f"{run.path}: no result of hard_rain", f"{run.path}: no result of JayWalk"]
    (run.path / "shifted_episodes.csv").write_text("shift,step\nJayWalk,10\n")
    assert "shifted_episodes.csv is damaged: KeyError('scenario')" in read_results([run.path]).gaps[0]


def test_the_most_memory_of_all_evaluations_counts(tmp_path):
    run = make_run(tmp_path / "run", {0: [1.0], 10: [5.0]})
    assert read_results([run.path]).runs[0].gpu_memory is None
    first, last = run.rows("evaluation_episodes")
    # a resumed training's own peak may be lower than that of the process before it
    run.write_rows("evaluation_episodes", [{**first, "gpu_memory": "900"}, {**last, "gpu_memory": "700"}])
    assert read_results([run.path]).runs[0].gpu_memory == 900
    for row in (first, last):
        del row["gpu_memory"]
    run.write_rows("evaluation_episodes", [first, last])
    assert read_results([run.path]).runs[0].gpu_memory is None
