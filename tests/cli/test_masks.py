import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from helpers.providers import Threshold
from helpers.tiny_models import save_clipseg
from semore_gym.cli import main
from semore_gym.cli.masks import mask_run
from semore_gym.config import TrainConfig
from semore_gym.masks import make_masks
from semore_gym.training.run_folder import RunFolder
from semore_gym.training.trainer import Trainer


@pytest.fixture(scope="module")
def clipseg(tmp_path_factory):
    return str(save_clipseg(tmp_path_factory.mktemp("clipseg")))


@pytest.fixture(scope="module")
def run_without_masks(tmp_path_factory):
    config = TrainConfig(
        image_size=32,
        preset="light",
        max_ticks=80,
        steps=40,
        masks="none",
        evaluation_episodes=1,
        device="cpu",
        threads=1,
        algo_options={"learning_starts": 30, "batch_size": 8},
    )
    with Trainer.new(config, tmp_path_factory.mktemp("runs") / "run", Console(quiet=True)) as trainer:
        assert trainer.train()
    return trainer.run


def test_a_folder_of_images_gets_masks_and_a_sheet_and_is_gone_on_with(clipseg, tmp_path, capsys):
    rng = np.random.default_rng(0)
    for number, size in enumerate([(40, 40), (30, 50), (40, 40)]):
        Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)).save(tmp_path / f"{number}.png")
    options = ["--mask-options", 'phrases=["car","a lamp"]', f"segmenter.model={clipseg}"]
    assert main(["masks", str(tmp_path), *options]) == 0
    assert "3 masks written to" in capsys.readouterr().out
    with Image.open(tmp_path / "1.png") as image:
        frame = np.moveaxis(np.asarray(image), -1, 0)
    provider = make_masks("vlm:clipseg", {"phrases": ["car", "a lamp"], "segmenter.model": clipseg})
    with Image.open(tmp_path / "masks" / "1.png") as image:
        np.testing.assert_array_equal(np.asarray(image), provider(frame[np.newaxis])[0, 0])
    with Image.open(tmp_path / "masks" / "contact_sheet.png") as sheet:
        assert sheet.size == (3 * 192, 2 * 192 + 30)
    (tmp_path / "masks" / "2.png").unlink()
    assert main(["masks", str(tmp_path), *options]) == 0
    assert "1 masks written to" in capsys.readouterr().out
    assert main(["masks", str(tmp_path), *options]) == 0
    assert "nothing to do" in capsys.readouterr().out


def test_the_frames_of_a_run_get_masks_that_a_resumed_training_learns_from(run_without_masks):
    made = mask_run(run_without_masks, Threshold(), 3, Console(quiet=True))
    assert len(made) > 10
    assert not mask_run(RunFolder(run_without_masks.path), Threshold(), 3, Console(quiet=True))
    with Trainer.resume(run_without_masks.path, Console(quiet=True)) as trainer:
        store = trainer.model.transitions.store
        slots = store.live()
        slots = slots[store.masked[slots]]
        assert len(slots) == len(made)
        frames = store.frames(slots[:, None]).numpy()
        np.testing.assert_array_equal(store.masks(slots).numpy(), Threshold()(frames))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "no folder 'nowhere'"),
        (["."], "holds no image"),
        ([".", "--masks", "oracle"], "must be made of images alone"),
        ([".", "--every", "0"], "every must be at least 1, got 0"),
    ],
)
def test_wrong_use_is_refused_in_a_sentence(arguments, message, clipseg, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    options = (
        ["--mask-options", 'phrases=["car"]', f"segmenter.model={clipseg}"] if len(arguments) == 1 else []
    )
    assert main(["masks", *arguments, *options]) == 2
    assert message in capsys.readouterr().err
