"""Training in CARLA: on servers that are killed, on one that it shares with its evaluations, on several."""

import json
import sys
from dataclasses import replace

import psutil
import pytest
from rich.console import Console

from helpers.carla import MAIN, TINY, guards, our_servers, own_server, train_under_fire
from semore_gym.agents import named_agent
from semore_gym.cli import main
from semore_gym.training.run_folder import RunFolder
from semore_gym.training.trainer import Trainer

pytest.importorskip("carla", reason="the carla client has no wheel for this Python or platform")

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Where the client library caches maps for ever."""
    monkeypatch.setenv("HOME", str(tmp_path))


def test_a_training_outlives_its_servers(tmp_path):
    before = set(psutil.Process().children(recursive=True))
    trainer, killed = train_under_fire(tmp_path, kills=8, between=8)
    run = trainer.run
    assert killed == 8
    assert trainer.agent_steps == run.config.steps
    assert set(psutil.Process().children(recursive=True)) <= before
    lost = [row for row in run.rows("episodes") if row["end_reason"] == "simulator_error"]
    assert 1 <= len(lost) <= 8  # some die at an episode's start, or in an evaluation
    counts = trainer.model.transitions.counts()
    kept = run.config.steps - len(lost) - counts["rejected"] - counts["pending"]
    assert trainer.model.transitions.sampleable == kept
    assert run.video(run.config.steps).is_file()
    agent = named_agent(str(run.path), device="cpu")
    assert agent.num_timesteps == run.config.steps


def test_evaluations_share_the_trainings_server(tmp_path, start_carla):
    config = replace(TINY, carla={"port": start_carla().port})
    with Trainer.new(config, tmp_path / "run", Console(quiet=True)) as trainer:
        assert trainer.train()
    rows = trainer.run.rows("episodes")
    assert (
        sum(row["end_reason"] == "simulator_error" for row in rows) <= 1
    )  # the client library hangs by itself
    assert [int(row["episode"]) for row in rows] == list(range(len(rows)))
    assert len(trainer.run.rows("evaluations")) == 3  # at the start, after 60 steps, at the end


def test_several_environments_have_a_server_each(tmp_path):
    config = replace(TINY, n_envs=2, steps=40, evaluate_every=1000, carla=own_server(tmp_path))
    seen = set()
    with Trainer.new(config, tmp_path / "run", Console(quiet=True)) as trainer:
        step = trainer.model.env.step_async

        def looked(actions):
            seen.update(process.pid for process in our_servers())
            step(actions)

        trainer.model.env.step_async = looked
        assert trainer.train()
    assert len(seen) == 2
    assert not guards(tmp_path)


@pytest.mark.parametrize("n_envs", [1, 2])
def test_servers_that_do_not_start_again_end_it_with_a_checkpoint(n_envs, tmp_path, capsys):
    lives = " || ".join(f"mkdir {tmp_path}/life{i} 2>/dev/null" for i in range(n_envs))
    server = own_server(tmp_path, f"{lives} || exit 3\nexec {sys.executable} {MAIN} $* --die-at 250")
    options = {**server, "attempts": 2}
    words = [f"--n-envs={n_envs}", f"--run-dir={tmp_path / 'run'}", "--evaluation-episodes=1"]
    for name in ("image_size", "preset", "backend", "max_ticks", "device", "threads"):
        words += [f"--{name.replace('_', '-')}={getattr(TINY, name)}"]
    words += ["--algo-options", "learning_starts=20", "batch_size=4"]
    words += ["--carla", *(f"{key}={json.dumps(value)}" for key, value in options.items())]
    assert main(["train", *words]) == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "failed 2 times in a row" in said or n_envs == 2  # there its process says it
    assert f"go on with: semore train --resume {tmp_path / 'run'}" in said
    assert not psutil.wait_procs(guards(tmp_path), timeout=10)[1]
    newest = RunFolder(tmp_path / "run").newest_checkpoint()
    assert named_agent(str(newest), device="cpu").num_timesteps > 20
