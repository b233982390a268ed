from pathlib import Path

import pytest

from helpers.cli import SMALL
from semore_gym.cli import main


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def run(tmp_path_factory) -> Path:
    """An agent that has learnt next to nothing."""
    path = tmp_path_factory.mktemp("runs") / "run"
    words = ["--preset", "light", "--steps", "12", "--algo-options", "learning_starts=10", "batch_size=2"]
    evaluation = ["--evaluation-episodes", "1", "--checkpoint-every", "5"]
    assert main(["train", *SMALL, *words, *evaluation, "--run-dir", str(path)]) == 0
    return path
