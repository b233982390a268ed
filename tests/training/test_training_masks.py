"""Trainings whose masks come from models: at once, beside the training, through faults; and none later."""

import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from helpers.chat_server import ChatServer
from helpers.tiny_models import save_clipseg
from semore_gym.config import TrainConfig
from semore_gym.masks import AsyncMasks
from semore_gym.masks import config as spec
from semore_gym.training.build import build_vec_env
from semore_gym.training.run_folder import RunFolder
from semore_gym.training.trainer import Trainer

TINY = TrainConfig(
    image_size=32,
    preset="light",
    max_ticks=80,
    steps=100,
    mask_every=2,
    evaluate_every=1000,
    evaluation_episodes=1,
    checkpoint_every=40,
    device="cpu",
    threads=1,
    exploration_noise=0.5,
    algo_options={"learning_starts": 50, "batch_size": 16},
)


@pytest.fixture(scope="module")
def clipseg(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_clipseg(tmp_path_factory.mktemp("clipseg")))


def train(config: TrainConfig, path: Path) -> tuple[RunFolder, dict[str, float]]:
    """The run, and the coverage of its replay buffer."""
    with Trainer.new(config, path, Console(quiet=True)) as trainer:
        assert trainer.train()
        return trainer.run, trainer.model.transitions.counts()


def logged(run: RunFolder, name: str) -> float:
    """The newest value of a curve."""
    log = EventAccumulator(str(run.tensorboard))
    log.Reload()
    return float(log.Scalars(name)[-1].value)


@pytest.mark.slow
def test_a_training_goes_on_while_its_endpoint_is_gone_and_back(clipseg: str, tmp_path: Path):
    options: dict[str, Any] = {
        "segmenter.model": clipseg,
        "phraser.deadline": 2.0,
        "phraser.retries": 1,
        "phraser.enlarge": 1,
    }
    server = ChatServer(answer='["car", "lamp"]')
    with server:
        options["phraser.base_url"] = server.url

    def come_and_go() -> None:
        with server:
            while len(server.requests) < 5:
                time.sleep(0.01)
        away.wait(0.5)
        with server:
            server.faults = ["error", "reset", "invalid"]
            away.wait(120)

    away = threading.Event()
    service = threading.Thread(target=come_and_go)
    service.start()
    try:
        config = replace(TINY, masks="endpoint:clipseg", mask_options=options)
        run, counts = train(config, tmp_path / "run")
    finally:
        away.set()
        service.join()
    assert len(server.requests) > 10
    assert counts["mask_coverage"] > 0
    assert logged(run, "masks/failed") > 0
    assert logged(run, "masks/answered") > 5
    assert logged(run, "masks/phrases_per_frame") > 0


class Patient(AsyncMasks):
    """Waits for its masks, so that a short training gets some."""

    def submit(self, ids: Any, frames: Any) -> int:
        taken = super().submit(ids, frames)
        end = time.monotonic() + 120
        while time.monotonic() < end and self.counts()["made"] < self.counts()["submitted"]:
            time.sleep(0.01)
        return taken


@pytest.mark.slow
def test_masks_of_several_environments_are_made_beside_the_training(
    clipseg: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(spec, "AsyncMasks", Patient)
    options = {"phrases": ["car", "lamp"], "asynchronous": True, "segmenter.model": clipseg}
    config = replace(TINY, masks="vlm:clipseg", mask_options=options, n_envs=2)
    run, counts = train(config, tmp_path / "run")
    assert counts["mask_coverage"] > 0
    assert logged(run, "masks/made") > 0
    saved = run.checkpoints()
    for checkpoint in saved[1:]:
        for file in checkpoint.iterdir():
            file.unlink()
        checkpoint.rmdir()
    with Trainer.resume(run.path, Console(quiet=True)) as trainer:
        assert trainer.agent_steps < 100
        assert trainer.model.transitions.counts()["mask_coverage"] > 0
        assert trainer.train()


def test_several_environments_must_not_load_a_model_each(clipseg: str):
    config = replace(TINY, masks="vlm:clipseg", mask_options={"phrases": ["car"], "segmenter.model": clipseg})
    with pytest.raises(ValueError, match="with 2 environments need mask_options asynchronous=true"):
        build_vec_env(config, 2)


@pytest.mark.slow
def test_an_agent_trained_with_masks_drives_where_no_model_can_be_imported(clipseg: str, tmp_path: Path):
    options = {"phrases": ["car"], "segmenter.model": clipseg}
    judging = {"base_url": "http://127.0.0.1:9/v1", "retries": 0, "deadline": 1.0}  # where nobody answers
    config = replace(TINY, masks="vlm:clipseg", mask_options=options, judge="endpoint", judge_options=judging)
    run, counts = train(replace(config, steps=60), tmp_path / "run")
    assert counts["asked"] > 0
    code = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(['transformers', 'openai', 'accelerate', 'huggingface_hub']))\n"
        "from semore_gym.cli import main\n"
        f"arguments = [{str(run.path)!r}, '--episodes', '1', '--csv', {str(tmp_path / 'e.csv')!r}]\n"
        "sys.exit(main(['evaluate', *arguments]))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "e.csv").read_text().count("\n") == 2


def test_a_judge_is_refused_where_there_is_none(tmp_path: Path):
    with pytest.raises(ValueError, match="judge and judge_options must not be given for sac"):
        Trainer.new(replace(TINY, algo="sac", judge="rule"), tmp_path / "sac")
    with pytest.raises(ValueError, match="unknown judge 'king'; known: "):
        Trainer.new(replace(TINY, judge="king"), tmp_path / "king")
