import subprocess
import sys
from pathlib import Path

import pytest

from helpers.cli import exit_code, plain
from semore_gym.cli import main
from semore_gym.config import TrainConfig
from semore_gym.training.run_folder import RunFolder

CLAIMING = """
import sys, time
from pathlib import Path
from semore_gym.training.run_folder import RunFolder
RunFolder(Path(sys.argv[1])).claim()
print("claimed", flush=True)
time.sleep(600)
"""


@pytest.fixture
def run() -> RunFolder:
    """A run in runs/ that has driven and was evaluated."""
    run = RunFolder.create(TrainConfig(algo="sac", image_size=48, steps=5000))
    run.write_rows("episodes", [{"agent_steps": 1200, "episode_reward": -3.0}])
    run.write_rows("evaluations", [{"agent_steps": 1000, "episode_reward": 12.34}])
    return run


@pytest.fixture
def training(run: RunFolder):
    """A process that trains it."""
    with subprocess.Popen(
        [sys.executable, "-c", CLAIMING, run.path], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "claimed\n"
        yield process
        process.kill()


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["runs", *arguments]) == 0
    return plain(capsys.readouterr().out)


def test_a_run_is_listed_with_how_far_it_is(run, capsys):
    line = next(line for line in listed(capsys).splitlines() if run.path.name in line)
    assert "1,200 of 5,000" in line
    assert line.split()[-2:] == ["stopped", "12.3"]


def test_runs_of_benchmarks_are_listed_by_their_path(run, capsys):
    RunFolder.create(TrainConfig(), Path("runs/benchmarks/mine/trials/semore-HighWay-seed0"))
    assert "benchmarks/mine/trials/semore-HighWay-s" in listed(capsys)  # and the rest on the next line
    assert "semore-HighWay-seed0" in listed(capsys, "runs/benchmarks/mine")


def test_a_run_that_is_being_trained_is_not_joined(run, training, capsys):
    assert f"process {training.pid}" in listed(capsys)
    assert exit_code(["train", "--resume", str(run.path)]) == 2
    assert f"is being trained by process {training.pid}" in plain(capsys.readouterr().err).replace("\n", "")
    training.kill()
    training.wait()
    assert "stopped" in listed(capsys)
    run.claim()  # a process that was killed holds nothing back
    run.release()
    assert run.trained_by() is None


def test_no_runs_are_told(capsys):
    assert exit_code(["runs", "nowhere"]) == 2
    assert "no run in" in capsys.readouterr().err


def test_a_damaged_config_is_told_in_one_line(run, capsys):
    (run.path / "config.json").write_text("{")
    assert exit_code(["runs"]) == 2
    assert "config.json cannot be used" in plain(capsys.readouterr().err)
