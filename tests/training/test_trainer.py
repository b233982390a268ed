"""Real trainings, tiny ones: what a run leaves behind, and that a killed one goes on bit for bit."""

import io
import json
import logging
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from stable_baselines3.common.save_util import load_from_zip_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from semore_gym.cli.train import Train
from semore_gym.config import TrainConfig
from semore_gym.training.run_folder import RunFolder
from semore_gym.training.trainer import Trainer

TINY = TrainConfig(
    image_size=32,
    preset="light",
    max_ticks=80,
    steps=150,
    evaluate_every=60,
    evaluation_episodes=1,
    checkpoint_every=25,
    device="cpu",
    threads=1,
    exploration_noise=0.5,
    algo_options={"learning_starts": 50, "batch_size": 16},
)


def test_without_a_terminal_there_is_a_line_now_and_then(tmp_path, monkeypatch):
    monkeypatch.setattr("semore_gym.training.progress.LINE_EVERY", 0.0)
    told = io.StringIO()
    with Trainer.new(replace(TINY, algo="sac", steps=60), tmp_path / "run", Console(file=told)) as trainer:
        trainer.train()
    lines = [line for line in told.getvalue().splitlines() if line.startswith("training")]
    assert len(lines) == 60
    assert re.fullmatch(
        r"training  60 of 60 agent steps  \d+/s  last \d+ episodes?: reward -?\d+\.\d", lines[-1]
    )


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "semore_gym", "train", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def flags(config: TrainConfig) -> list[str]:
    """The command line that says `config`."""
    words: list[str] = []
    for name, value in json.loads(config.to_json()).items():
        if isinstance(value, dict):
            words += (
                [f"--{name}", *(f"{key}={json.dumps(item)}" for key, item in value.items())] if value else []
            )
        elif isinstance(value, list):
            words += [f"--{name}", *value] if value else []
        elif value is not None:
            words += [f"--{name}", str(value)]
    return words


def train(config: TrainConfig, path: Path) -> RunFolder:
    with Trainer.new(config, path, Console(quiet=True)) as trainer:
        assert trainer.train()
    return trainer.run


def wait_for_checkpoint(process: subprocess.Popen[str], run: Path, after: str) -> str:
    """Wait until a training has a checkpoint later than `after`; returns its name."""
    while process.poll() is None:
        newest = max((path.name for path in run.glob("checkpoints/step-?????????")), default="")
        if newest > after:
            return newest
        time.sleep(0.005)
    raise AssertionError(f"the training ended: {process.communicate()[0]}")


def numbers(run: RunFolder) -> dict[str, Any]:
    """Every tensor and number of the newest checkpoint: networks, optimizers, temperature."""
    newest = run.newest_checkpoint()
    assert newest is not None
    _, parameters, variables = load_from_zip_file(newest / "model.zip", device="cpu")
    found: dict[str, Any] = {}

    def walk(value: Any, name: str) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                walk(item, f"{name}/{key}")
        elif isinstance(value, (list, tuple)):
            for index, item in enumerate(value):
                walk(item, f"{name}/{index}")
        else:
            found[name] = value.detach().numpy() if isinstance(value, torch.Tensor) else value

    walk([parameters, variables], "")
    return found


def assert_same_numbers(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)


def position(run: RunFolder) -> dict[str, Any]:
    newest = run.newest_checkpoint()
    assert newest is not None
    return dict(json.loads((newest / "position.json").read_text()))


def shared(values: dict[str, Any]) -> dict[str, Any]:
    """All that two runs of the same config have in common."""
    return {
        name: value for name, value in values.items() if name not in ("wall_seconds", "trial", "git_revision")
    }


def logged_steps(run: RunFolder) -> list[int]:
    """Where TensorBoard has a point of the reward's curve."""
    log = EventAccumulator(str(run.path / "tensorboard"))
    log.Reload()
    return [event.step for event in log.Scalars("rollout/ep_rew_mean")]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return train(TINY, tmp_path_factory.mktemp("runs") / "finished")


def test_a_run_leaves_everything_in_its_folder(finished: RunFolder):
    assert RunFolder(finished.path).config == replace(TINY, backend="embedded")
    assert finished.curve.stat().st_size > 0
    assert finished.video(150).stat().st_size > 0
    assert list((finished.path / "tensorboard").iterdir())
    evaluations = finished.rows("evaluations")
    steps = [int(row["agent_steps"]) for row in evaluations]
    assert steps[0] == 0
    assert steps[-1] == 150
    assert sum(60 <= step < 120 for step in steps) == 1
    assert [int(row["simulator_ticks"]) for row in evaluations] == [4 * step for step in steps]
    episodes = finished.rows("episodes")
    assert [int(row["episode"]) for row in episodes] == list(range(len(episodes)))
    assert int(episodes[-1]["agent_steps"]) == sum(int(row["episode_steps"]) for row in episodes)
    assert not [path for path in finished.path.rglob("*unfinished*")]


def test_the_newest_two_checkpoints_are_kept(finished: RunFolder):
    kept = finished.checkpoints()
    assert len(kept) == 2
    assert kept[-1].name == "step-000000150"
    assert sorted(path.stem for path in finished.replay.glob("step-*.json")) == [path.name for path in kept]


def test_a_checkpoint_is_whole_or_not_there(finished: RunFolder, tmp_path: Path):
    copy = Path(shutil.copytree(finished.path, tmp_path / "copy"))
    (copy / "checkpoints" / "step-000000999.unfinished").mkdir()
    newest = RunFolder(copy).newest_checkpoint()
    assert newest is not None
    assert newest.name == "step-000000150"


@pytest.mark.slow
def test_a_killed_training_goes_on_bit_for_bit(finished: RunFolder, tmp_path: Path):
    path = tmp_path / "killed"
    moments = random.Random(0)
    process = start(*flags(TINY), "--run-dir", str(path))
    newest = "step-000000000"
    for _ in range(2):
        newest = wait_for_checkpoint(process, path, newest)
        time.sleep(moments.uniform(0.0, 0.6))
        process.kill()
        process.wait()
        process = start("--resume", str(path))
    output, _ = process.communicate()
    assert process.returncode == 0, output
    run = RunFolder(path)
    assert_same_numbers(numbers(run), numbers(finished))
    assert shared(position(run)) == shared(position(finished))
    for table in ("episodes", "evaluations"):
        assert run.rows(table) == finished.rows(table)
    one, other = (each.rows("evaluation_episodes") for each in (run, finished))
    assert [shared(row) for row in one] == [shared(row) for row in other]
    assert logged_steps(run) == logged_steps(finished)


@pytest.mark.slow
def test_ctrl_c_saves_and_the_run_goes_on(tmp_path: Path):
    path = tmp_path / "interrupted"
    process = start(*flags(TINY), "--run-dir", str(path))
    wait_for_checkpoint(process, path, after="step-000000000")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate()
    assert process.returncode == 0
    assert f"semore train --resume {path}" in output.replace("\n", "")
    assert "Traceback" not in output
    saved = position(RunFolder(path))["agent_steps"]
    assert 0 < saved < 150
    with Trainer.resume(path, Console(quiet=True)) as trainer:
        assert trainer.agent_steps == saved
        assert trainer.train()
    assert position(trainer.run)["agent_steps"] == 150


@pytest.mark.slow
def test_evaluations_and_checkpoints_leave_the_training_alone(finished: RunFolder, tmp_path: Path):
    config = TrainConfig(**{**vars(TINY), "evaluate_every": 1000, "checkpoint_every": 1000})
    assert_same_numbers(numbers(train(config, tmp_path / "quiet")), numbers(finished))


def test_resuming_a_finished_run_changes_nothing(finished: RunFolder, tmp_path: Path):
    copy = Path(shutil.copytree(finished.path, tmp_path / "copy"))
    with Trainer.resume(copy, Console(quiet=True)) as trainer:
        assert trainer.train()
    assert trainer.run.rows("evaluations") == finished.rows("evaluations")
    assert_same_numbers(numbers(trainer.run), numbers(finished))


@pytest.mark.slow
def test_a_finished_run_can_be_made_longer(finished: RunFolder, tmp_path: Path, caplog: Any):
    copy = Path(shutil.copytree(finished.path, tmp_path / "copy"))
    curve = finished.curve.read_bytes()
    with pytest.raises(ValueError, match=f"steps must be at least the 150 of {copy}, got 149"):
        Trainer.resume(copy, steps=149)
    with (
        caplog.at_level(logging.INFO, "semore_gym"),
        Trainer.resume(copy, Console(quiet=True), steps=200) as trainer,
    ):
        assert "trains 200 agent steps now, 150 before" in caplog.text
        assert not RunFolder(copy).finished
        assert trainer.train()
    run = RunFolder(copy)
    assert run.config == replace(finished.config, steps=200)
    assert run.finished
    assert run.video(200).is_file()
    assert run.curve.read_bytes() != curve
    evaluated = [int(row["agent_steps"]) for row in run.rows("evaluations")]
    assert evaluated == sorted(set(evaluated))
    assert run.rows("evaluations")[: len(evaluated) - 2] == finished.rows("evaluations")[: len(evaluated) - 2]
    assert evaluated[-1] == 200
    assert 150 in evaluated


def test_a_run_without_its_replay_buffer_is_refused_and_left_alone(finished: RunFolder, tmp_path: Path):
    copy = Path(shutil.copytree(finished.path, tmp_path / "copy"))
    shutil.rmtree(copy / "replay")
    with pytest.raises(ValueError, match=f"{copy} cannot go on: its replay buffer is gone"):
        Trainer.resume(copy, steps=200)
    assert RunFolder(copy).config == finished.config
    assert RunFolder(copy).finished


def test_another_number_of_threads_is_warned_of(finished: RunFolder, tmp_path: Path, caplog: Any):
    copy = Path(shutil.copytree(finished.path, tmp_path / "copy"))
    (copy / "config.json").write_text(TrainConfig(**{**vars(TINY), "threads": 2}).to_json())
    with caplog.at_level(logging.WARNING, "semore_gym"), Trainer.resume(copy, Console(quiet=True)):
        torch.set_num_threads(1)
    assert "2 threads, before with 1" in caplog.text


@pytest.mark.slow
def test_several_environments_train_and_go_on(tmp_path: Path):
    config = TrainConfig(**{**vars(TINY), "n_envs": 2, "steps": 80})
    run = train(config, tmp_path / "two")
    episodes = run.rows("episodes")
    assert {row["environment"] for row in episodes} == {"0", "1"}
    for environment in "01":
        own = [int(row["episode"]) for row in episodes if row["environment"] == environment]
        assert own == list(range(len(own)))
    assert position(run)["agent_steps"] == 80
    assert not position(run)["exact"]
    shutil.rmtree(run.checkpoint(80))
    with Trainer.resume(run.path, Console(quiet=True)) as trainer:
        assert 0 < trainer.agent_steps < 80
        assert trainer.train()
    assert position(trainer.run)["agent_steps"] == 80


def test_the_arguments_say_the_config():
    assert Train.read(flags(TINY), "semore train") == Train(**vars(TINY))
