"""Who may train in a shared folder, and when it ends; without Ray."""

import json
import signal
import subprocess
import sys
import time

import psutil
import pytest

from semore_gym.benchmark.executors.ray_trial import CLAIM, TakenError, claimed, holder, train
from semore_gym.config import TrainConfig
from semore_gym.training.run_folder import PROCESS, RunFolder

LEASHED = """
import sys, time
from pathlib import Path
from semore_gym.benchmark.trial_process import TrialProcess
training = TrialProcess.start(Path(sys.argv[1]), {}, leashed=True)
print(training.process.pid, flush=True)
time.sleep(600)
"""
TRAIN = """
import sys
from pathlib import Path
from semore_gym.benchmark.executors.ray_trial import train
train(Path(sys.argv[1]), "one", {}, Path.cwd())
"""


@pytest.fixture
def run(tmp_path) -> RunFolder:
    return RunFolder.create(TrainConfig(image_size=36, steps=100_000, device="cpu"), tmp_path / "run")


def test_a_claim_is_taken_over_and_given_back_by_whoever_has_it(run, monkeypatch):
    monkeypatch.setattr("semore_gym.benchmark.executors.ray_trial.GRACE", 0.0)
    assert holder(run.path).attempt is None
    with claimed(run.path, "one"):
        assert holder(run.path).attempt == "one"
        with claimed(run.path, "two"):
            assert holder(run.path).attempt == "two"
        assert holder(run.path).attempt is None
        (run.path / CLAIM).write_text(json.dumps({"attempt": "three", "node": "n"}))
    assert holder(run.path).attempt == "three"


def test_a_training_ends_when_another_attempt_has_claimed_its_folder(run):
    command = [sys.executable, "-c", TRAIN, str(run.path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as task:
        while task.poll() is None and not (run.path / PROCESS).exists():
            time.sleep(0.05)
        training = psutil.Process(json.loads((run.path / PROCESS).read_text())["pid"])
        (run.path / CLAIM).write_text(json.dumps({"attempt": "two", "node": "n"}))
        _, said = task.communicate()
    assert f"{TakenError.__name__}: another benchmark trains run" in said
    assert not training.is_running()
    assert holder(run.path).attempt == "two"


def test_a_folder_that_a_node_does_not_see_is_named(tmp_path):
    with pytest.raises(
        ValueError, match=r"node \S+ does not see .*nowhere: choose a folder that all nodes share \(--to\)"
    ):
        train(tmp_path / "nowhere", "one", {}, tmp_path)


def test_a_leashed_training_ends_with_whoever_started_it(run):
    command = [sys.executable, "-c", LEASHED, str(run.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        training = psutil.Process(int(parent.stdout.readline()))
        while training.is_running() and not (run.path / "evaluations.csv").exists():
            time.sleep(0.05)
        assert training.is_running(), (run.path / "output.log").read_text()
        parent.send_signal(signal.SIGKILL)
        training.wait(timeout=120)
