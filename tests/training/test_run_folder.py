from pathlib import Path

import pytest

from semore_gym.config import TrainConfig
from semore_gym.training.run_folder import RunFolder, newest_run


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_runs_are_numbered_and_keep_their_config():
    config = TrainConfig(seed=3, algo="sac")
    first, second = RunFolder.create(config), RunFolder.create(config)
    assert first.path == Path("runs/SemoreCarla-HighWay-v0-sac-seed3-1")
    assert second.path == Path("runs/SemoreCarla-HighWay-v0-sac-seed3-2")
    assert RunFolder(first.path).config == config


def test_an_existing_folder_is_not_written_to(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    with pytest.raises(ValueError, match="exists already"):
        RunFolder.create(TrainConfig(), tmp_path / "mine")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_a_folder_without_a_config_is_no_run(tmp_path):
    with pytest.raises(ValueError, match="no run folder"):
        RunFolder(tmp_path)


def test_a_config_that_cannot_be_read_is_named():
    run = RunFolder.create(TrainConfig())
    (run.path / "config.json").write_text('{"stepz": 1}')
    with pytest.raises(ValueError, match=r"config\.json cannot be used: unknown TrainConfig fields: stepz"):
        RunFolder(run.path)


def test_rows_come_back():
    run = RunFolder.create(TrainConfig())
    assert run.rows("episodes") == []
    run.write_rows(
        "episodes", [{"agent_steps": 5, "end_reason": "a, b"}, {"agent_steps": 9, "end_reason": ""}]
    )
    assert run.rows("episodes") == [
        {"agent_steps": "5", "end_reason": "a, b"},
        {"agent_steps": "9", "end_reason": ""},
    ]


def test_columns_that_an_older_version_did_not_write_stay_empty():
    run = RunFolder.create(TrainConfig())
    run.write_rows("episodes", [{"agent_steps": 5}, {"agent_steps": 9, "gpu_memory": 3}])
    assert run.rows("episodes") == [
        {"agent_steps": "5", "gpu_memory": ""},
        {"agent_steps": "9", "gpu_memory": "3"},
    ]


def test_a_path_inside_a_run_belongs_to_it(tmp_path):
    run = RunFolder.create(TrainConfig())
    found = RunFolder.containing(run.checkpoint(1) / "model.zip")
    assert found is not None
    assert found.path.resolve() == run.path.resolve()
    assert RunFolder.containing(tmp_path / "model.zip") is None


def test_the_newest_run_is_the_one_started_last():
    RunFolder.create(TrainConfig(seed=1))
    last = RunFolder.create(TrainConfig(seed=0))
    assert newest_run() == last.path
