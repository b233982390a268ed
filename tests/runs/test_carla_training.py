"""Training in CARLA: on servers that are killed, on one that it shares with its evaluations, on several."""

import json
import os
import random
import sys
import threading
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from semore_gym.cli import main
from semore_gym.config import TrainConfig
from semore_gym.runs.driving import named_agent
from semore_gym.runs.folder import RunFolder
from semore_gym.runs.trainer import Trainer

pytest.importorskip("carla", reason="the carla client has no wheel for this Python or platform")

MAIN = Path(__file__).parents[1] / "carla_server" / "main.py"
TINY = TrainConfig(
    image_size=36,
    preset="light",
    backend="carla",
    max_ticks=80,
    steps=100,
    evaluate_every=60,
    evaluation_episodes=2,
    checkpoint_every=25,
    device="cpu",
    threads=1,
    exploration_noise=0.5,
    algo_options={"learning_starts": 20, "batch_size": 4},
)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Where the client library caches maps for ever."""
    monkeypatch.setenv("HOME", str(tmp_path))


def own_server(folder, command=f"exec {sys.executable} {MAIN} $*"):
    """Fields of CarlaConfig that start the tests' server, as a program such as CarlaUE4.sh."""
    path = folder / "CarlaUE4.sh"
    path.write_text(f"#!/bin/sh\n{command}\n")
    path.chmod(0o755)
    return {"server": str(path), "log": str(folder / "server.log"), "timeout": 3, "start_timeout": 20}


def our_servers():
    """The servers under guards of this process, not those that fixtures keep ready for other tests."""
    for process in psutil.Process().children(recursive=True):
        try:
            if process.cmdline()[1:2] == [str(MAIN)] and process.ppid() != os.getpid():
                yield process
        except psutil.Error:  # it has ended meanwhile
            continue


def guards(folder):
    """Of the servers that `own_server` named, whoever their parents are now; each outlives its server."""
    program = str(folder / "CarlaUE4.sh")
    return [each for each in psutil.process_iter(["cmdline"]) if program in (each.info["cmdline"] or [])]


class Killer(threading.Thread):
    """Kills the server of a training by SIGKILL, once every few agent steps, whatever it is doing then.

    Args:
        trainer: Whose server.
        kills: How often.
        between: Agent steps from one to the next, on average.
    """

    def __init__(self, trainer, kills, between):
        super().__init__(daemon=True)
        self.trainer, self.kills, self.between = trainer, kills, between
        self.killed, self.next = 0, between
        self.random = random.Random(0)
        self.over = threading.Event()

    def run(self):
        while self.killed < self.kills and not self.over.wait(self.random.uniform(0.0, 0.1)):
            if self.trainer.agent_steps < self.next:
                continue
            for server in our_servers():  # none while the last one is replaced
                server.kill()
                self.killed += 1
                self.next = (self.killed + self.random.random()) * self.between


def train_under_fire(folder, kills, between):
    """Train to the end of the budget, come what may; the trainer, and how often its server was killed."""
    config = replace(TINY, steps=(kills + 2) * between, carla={**own_server(folder), "attempts": 100})
    with Trainer.new(config, folder / "run", Console(quiet=True)) as trainer:
        killer = Killer(trainer, kills, between)
        killer.start()
        assert trainer.train()
        killer.over.set()
        killer.join()
    return trainer, killer.killed


def test_a_training_outlives_its_servers(tmp_path):
    before = set(psutil.Process().children(recursive=True))
    trainer, killed = train_under_fire(tmp_path, kills=20, between=8)
    run = trainer.run
    assert killed == 20
    assert trainer.agent_steps == run.config.steps
    assert set(psutil.Process().children(recursive=True)) <= before
    lost = [row for row in run.rows("episodes") if row["end_reason"] == "simulator_error"]
    assert 1 <= len(lost) <= 20  # some die at an episode's start, or in an evaluation
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
