"""The table of evaluation episodes that a real, tiny training leaves behind."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

import semore_gym
from semore_gym.config import TrainConfig
from semore_gym.envs.driving_env import DrivingEnv
from semore_gym.results.record import EpisodeRecord, Evaluation
from semore_gym.training.episode_rows import EpisodeRows, peak_gpu_memory
from semore_gym.training.run_folder import RunFolder
from semore_gym.training.trainer import Trainer
from semore_gym.utils.provenance import git_revision, versions

CONFIG = TrainConfig(
    image_size=32,
    env="SemoreCarla-JayWalk-v0",
    preset="light",
    algo="sac",
    seed=3,
    max_ticks=40,
    steps=40,
    evaluate_every=20,
    evaluation_episodes=2,
    device="cpu",
    threads=1,
    algo_options={"learning_starts": 30, "batch_size": 8},
)


def train(config: TrainConfig, path: Path) -> RunFolder:
    with Trainer.new(config, path, Console(quiet=True)) as trainer:
        assert trainer.train()
    return trainer.run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return train(CONFIG, tmp_path_factory.mktemp("runs") / "mine")


def test_there_is_a_row_for_each_episode_of_each_evaluation(run: RunFolder):
    rows = run.rows("evaluation_episodes")
    evaluations = run.rows("evaluations")
    expected = [(row["agent_steps"], episode) for row in evaluations for episode in "01"]
    assert [(row["step"], row["episode"]) for row in rows] == expected
    for evaluation in evaluations:
        own = [row for row in rows if row["step"] == evaluation["agent_steps"]]
        for name in ("episode_reward", "distance", "crash_intensity", "average_steer", "average_brake"):
            mean = np.mean([float(row[name]) for row in own])
            assert mean == pytest.approx(float(evaluation[name])), name


def test_a_row_says_whose_it_is_and_where_it_comes_from(run: RunFolder):
    for row in run.rows("evaluation_episodes"):
        whose = (row["trial"], row["method"], row["variant"], row["scenario"], row["seed"])
        assert whose == ("mine", "sac", "", "JayWalk", "3")
        assert (row["weather"], row["backend"], row["device"]) == ("cloudy_noon", "embedded", "cpu")
        assert int(row["simulator_ticks"]) == 4 * int(row["step"])
        assert 0 < int(row["ticks"]) <= 40
        assert row["end_reason"] in ("horizon", "collision", "off_road", "stuck")
        assert f"semore-gym={semore_gym.__version__}" in row["versions"].split()
        assert row["git_revision"] == git_revision()
    seconds = [float(row["wall_seconds"]) for row in run.rows("evaluation_episodes")]
    assert seconds == sorted(seconds)
    assert seconds[-1] > 0


def test_evaluation_episodes_are_never_trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    driven = []
    begin = DrivingEnv._begin

    def spy(env, episode):
        driven.append((env._seed, env._episode))
        begin(env, episode)

    monkeypatch.setattr(DrivingEnv, "_begin", spy)
    run = train(CONFIG, tmp_path / "spied")
    evaluated = {(int(row["episode_seed"]), 0) for row in run.rows("evaluation_episodes")}
    trained = {(CONFIG.seed, int(row["episode"])) for row in run.rows("episodes")}
    assert len(trained) > 1
    assert len(evaluated) == 2
    assert not evaluated & trained
    video = {(0, 0)}
    assert evaluated | trained <= set(driven)
    assert {seed for seed, _ in set(driven) - evaluated - video} == {CONFIG.seed}


@pytest.mark.slow
def test_an_evaluation_that_a_kill_left_half_written_is_done_again(run: RunFolder, tmp_path: Path):
    path = tmp_path / "killed"
    again = train(CONFIG, path)
    rows, evaluations = again.rows("evaluation_episodes"), again.rows("evaluations")
    again.write_rows("evaluations", evaluations[:-1])
    with Trainer.resume(path, Console(quiet=True)) as trainer:
        assert trainer.train()
    assert [row["step"] for row in again.rows("evaluation_episodes")] == [row["step"] for row in rows]
    assert again.rows("evaluations") == evaluations


def test_time_goes_on_after_a_stop(run: RunFolder):
    newest = run.newest_checkpoint()
    assert newest is not None
    assert json.loads((newest / "position.json").read_text())["wall_seconds"] > 0


def test_a_run_is_finished_with_its_last_evaluation_and_video(run: RunFolder, tmp_path: Path):
    assert run.finished
    assert not RunFolder.create(CONFIG, tmp_path / "new").finished


def test_a_run_whose_video_and_checkpoints_were_thrown_away_is_finished(run: RunFolder, tmp_path: Path):
    kept = tmp_path / "kept"
    kept.mkdir()
    for name in ("config.json", "evaluations.csv", "evaluation_episodes.csv", "ended.json"):
        (kept / name).write_bytes((run.path / name).read_bytes())
    assert RunFolder(kept).finished
    (kept / "ended.json").write_text('{"agent_steps": 1}')  # of a training that was made longer since
    assert not RunFolder(kept).finished


def test_a_label_or_a_variant_is_told(tmp_path: Path):
    plain = replace(CONFIG, algo="semore", algo_options={})
    m1 = replace(plain, algo_options={"variant": "m1"})
    assert label_in_rows(plain, tmp_path / "plain") == "m4"  # the constructor's default
    assert label_in_rows(m1, tmp_path / "m1") == "m1"
    assert label_in_rows(replace(m1, label="mine"), tmp_path / "mine") == "mine"


def label_in_rows(config: TrainConfig, path: Path) -> str:
    rows = EpisodeRows(RunFolder.create(config, path), torch.device("cpu"))
    episode = EpisodeRecord(0, 1, "horizon", {"episode_reward": 1.0})
    (row,) = rows.of(Evaluation([episode]), 1, 1.0)
    return row["variant"]


def test_memory_is_told_of_a_gpu_only(run: RunFolder):
    assert {row["gpu_memory"] for row in run.rows("evaluation_episodes")} == {""}


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_the_most_memory_held_on_a_gpu_is_told():
    device = torch.device("cuda")
    torch.cuda.reset_peak_memory_stats(device)
    held = torch.cuda.memory_allocated(device)
    torch.empty(2**26, dtype=torch.uint8, device=device)  # 64 MiB, which nobody holds any more
    assert peak_gpu_memory(device) == pytest.approx(held / 2**20 + 64, abs=2)


def test_versions_name_python_and_torch():
    assert {"python", "torch", "semore-gym"} <= set(versions())
