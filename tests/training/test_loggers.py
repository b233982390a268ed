"""Weights & Biases without a network: what the real library keeps in offline mode is read back."""

import json
import os
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from semore_gym.cli import main
from semore_gym.config import TrainConfig
from semore_gym.training.run_folder import RunFolder
from semore_gym.training.trainer import Trainer

wandb = pytest.importorskip("wandb")
from wandb.proto import wandb_internal_pb2  # noqa: E402

TINY = TrainConfig(
    image_size=32,
    preset="light",
    max_ticks=40,
    steps=60,
    evaluate_every=30,
    evaluation_episodes=1,
    checkpoint_every=20,
    device="cpu",
    threads=1,
    wandb="driving",
    algo_options={"learning_starts": 30, "batch_size": 8},
)
BLOCK = (
    32768  # of the log file, which has LevelDB's format: blocks of records, each with checksum, size, kind
)
FIRST_HEADER = 7  # bytes


def records(path: Path) -> list[Any]:
    """What a .wandb file holds, once the process that writes it has ended."""
    wandb.teardown()
    data, at, found, text = path.read_bytes(), FIRST_HEADER, [], b""
    while at + 7 <= len(data):
        left = BLOCK - at % BLOCK
        if left < 7:
            at += left
            continue
        _, size, kind = struct.unpack("<IHB", data[at : at + 7])
        text += data[at + 7 : at + 7 + size]
        at += 7 + size
        if kind in (1, 4):  # whole, or the last part
            found.append(wandb_internal_pb2.Record.FromString(text))
            text = b""
    return found


def points(found: list[Any], name: str) -> dict[int, float]:
    """A curve by step."""
    curve = {}
    for record in found:
        items = {item.key or item.nested_key[0]: json.loads(item.value_json) for item in record.history.item}
        if name in items:
            curve[items["_step"]] = items[name]
    return curve


def config_items(found: list[Any]) -> list[Any]:
    return [item for record in found for part in (record.run.config, record.config) for item in part.update]


def files(run: RunFolder) -> list[Path]:
    return sorted(run.path.glob("wandb/offline-run-*/*.wandb"))


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")


@pytest.mark.slow
@pytest.mark.usefixtures("offline")
def test_a_run_is_logged_and_goes_on_under_its_id(tmp_path: Path):
    with Trainer.new(TINY, tmp_path / "mine", Console(quiet=True)) as trainer:
        assert trainer.train()
    run = trainer.run
    (path,) = files(run)
    found = records(path)
    (header,) = [record.run for record in found if record.HasField("run")]
    assert (header.project, header.display_name, header.run_group) == ("driving", "mine", "semore")
    config = {item.key: json.loads(item.value_json) for item in header.config.update}
    assert config.items() >= json.loads(run.config.to_json()).items()

    log = EventAccumulator(str(run.tensorboard))
    log.Reload()
    for name in log.Tags()["scalars"]:
        if not name.startswith("time/"):
            expected = {event.step: event.value for event in log.Scalars(name)}
            assert points(found, name) == pytest.approx(expected, rel=1e-6), name
    assert "loss/critic" in log.Tags()["scalars"]
    evaluations = {int(row["agent_steps"]): float(row["distance"]) for row in run.rows("evaluations")}
    assert points(found, "eval/distance") == pytest.approx(evaluations)

    with Trainer.resume(run.path, Console(quiet=True), steps=80) as trainer:
        assert trainer.train()
    again = records(max(files(run), key=lambda file: file.stat().st_mtime))
    assert [record.run.run_id for record in again if record.HasField("run")] == [header.run_id]
    assert len(files(run)) == 2
    assert min(points(again, "eval/distance")) > 60
    (steps,) = {json.loads(item.value_json) for item in config_items(again) if item.key == "steps"}
    assert steps == 80


@pytest.mark.slow
@pytest.mark.usefixtures("offline")
def test_it_changes_nothing_of_the_training(tmp_path: Path):
    for name, project in (("with", "driving"), ("without", None)):
        with Trainer.new(replace(TINY, wandb=project), tmp_path / name, Console(quiet=True)) as trainer:
            trainer.train()
    one, other = (RunFolder(tmp_path / name) for name in ("with", "without"))
    assert one.rows("episodes") == other.rows("episodes")
    assert one.rows("evaluations") == other.rows("evaluations")
    assert not list(other.path.glob("wandb*"))


@pytest.mark.slow
def test_without_an_account_nothing_is_left_behind(tmp_path: Path):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WANDB")}
    # a process of its own: wandb reads its environment once
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "semore_gym",
            "train",
            "--image-size",
            "32",
            "--preset",
            "light",
            "--wandb",
            "x",
        ],
        env={**kept, "HOME": str(tmp_path), "NETRC": str(tmp_path / "netrc")},
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 1
    assert "error: Weights & Biases does not take the run: " in done.stderr
    assert "WANDB_MODE=offline" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "runs").iterdir())


def test_a_missing_package_is_told_before_anything_is_made(tmp_path: Path, monkeypatch: Any, capsys: Any):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("semore_gym.training.loggers.find_spec", lambda name: None)
    assert main(["train", "--image-size", "32", "--preset", "light", "--wandb", "driving"]) == 2
    assert '--wandb needs wandb: pip install "semore-gym[wandb]"' in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
