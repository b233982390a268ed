"""Real trainings, tiny ones, whose finished agents drive elsewhere."""

from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from semore_gym.agents import named_agent
from semore_gym.config import TrainConfig
from semore_gym.evaluation import evaluate
from semore_gym.make_env import make_env
from semore_gym.training.run_folder import SHIFTED, RunFolder
from semore_gym.training.trainer import Trainer

PLAIN = TrainConfig(
    image_size=32,
    preset="light",
    algo="sac",
    max_ticks=40,
    steps=40,
    evaluate_every=20,
    evaluation_episodes=2,
    device="cpu",
    threads=1,
    algo_options={"learning_starts": 30, "batch_size": 8},
)
CONFIG = replace(PLAIN, shifts=["hard_rain", "JayWalk"])


def train(config: TrainConfig, path: Path) -> RunFolder:
    with Trainer.new(config, path, Console(quiet=True)) as trainer:
        assert trainer.train()
    return trainer.run


def resume(path: Path) -> RunFolder:
    with Trainer.resume(path, Console(quiet=True)) as trainer:
        assert trainer.train()
    return trainer.run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return train(CONFIG, tmp_path_factory.mktemp("runs") / "shifted")


def test_rows_say_where_the_agent_drove_and_where_it_was_trained(run: RunFolder):
    rows = run.rows(SHIFTED)
    places = [(row["shift"], row["trained_on"], row["scenario"], row["weather"], row["step"]) for row in rows]
    assert places == 2 * [("hard_rain", "HighWay", "HighWay", "hard_rain", "40")] + 2 * [
        ("JayWalk", "HighWay", "JayWalk", "cloudy_noon", "40")
    ]
    ordinary = run.rows("evaluation_episodes")
    assert [row["episode_seed"] for row in rows] == 2 * [row["episode_seed"] for row in ordinary[-2:]]
    assert list(rows[0])[2:] == list(ordinary[0])


def test_the_rows_are_the_finished_agents(run: RunFolder):
    env = make_env("SemoreCarla-JayWalk-v0", image_size=32, max_ticks=40, masks="none")
    expected = evaluate(named_agent(str(run.path)), env, episodes=2, seed=CONFIG.evaluation_seed)
    env.close()
    driven = [row for row in run.rows(SHIFTED) if row["shift"] == "JayWalk"]
    assert [float(row["episode_reward"]) for row in driven] == expected.values("episode_reward")
    assert [float(row["distance"]) for row in driven] == expected.values("distance")


@pytest.mark.slow
def test_training_and_its_evaluations_are_as_without(run: RunFolder, tmp_path: Path):
    plain = train(PLAIN, tmp_path / "plain")
    assert not plain.rows(SHIFTED)
    for table in ("episodes", "evaluations"):
        assert plain.rows(table) == run.rows(table)
    rows = run.rows("evaluation_episodes")
    assert {(row["scenario"], row["weather"]) for row in rows} == {("HighWay", "cloudy_noon")}
    assert [row["episode_reward"] for row in plain.rows("evaluation_episodes")] == [
        row["episode_reward"] for row in rows
    ]


@pytest.mark.slow
def test_a_run_goes_on_where_its_shifts_were_left(tmp_path: Path):
    run = train(CONFIG, tmp_path / "stopped")
    rows = run.rows(SHIFTED)
    assert run.finished
    run.write_rows(SHIFTED, [{**row, "distance": "77.0"} for row in rows[:2]])
    assert not run.finished
    resumed = resume(run.path)
    assert resumed.finished
    assert [row["distance"] for row in resumed.rows(SHIFTED)] == [
        "77.0",
        "77.0",
        *(r["distance"] for r in rows[2:]),
    ]


@pytest.mark.slow
def test_what_an_agent_did_that_a_kill_has_undone_does_not_count(tmp_path: Path):
    run = train(CONFIG, tmp_path / "undone")
    rows = run.rows(SHIFTED)
    run.write_rows(SHIFTED, [{**row, "step": "39", "distance": "77.0"} for row in rows])
    assert not run.finished
    assert [row["distance"] for row in resume(run.path).rows(SHIFTED)] == [row["distance"] for row in rows]


def test_an_unknown_place_is_refused_before_anything_is_made(tmp_path: Path):
    with pytest.raises(ValueError, match="unknown shift 'Mars'"):
        Trainer.new(replace(CONFIG, shifts=["Mars"]), tmp_path / "run", Console(quiet=True))
    assert not (tmp_path / "run").exists()
