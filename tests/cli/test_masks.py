import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from helpers.chat_server import ChatServer
from helpers.providers import Threshold
from helpers.tiny_models import save_clipseg
from semore_gym.cli import main
from semore_gym.cli.masks import explained, mask_run
from semore_gym.config import TrainConfig
from semore_gym.masks import make_masks
from semore_gym.training.run_folder import RunFolder
from semore_gym.training.trainer import Trainer


@pytest.fixture(scope="module")
def clipseg(tmp_path_factory):
    return str(save_clipseg(tmp_path_factory.mktemp("clipseg")))


class Sulky(Threshold):
    """Fails at the third and the fifth frame, as often as it is asked for them; the second shows nothing."""

    def __init__(self):
        super().__init__()
        self.seen = {}

    def __call__(self, frames):
        masks = super().__call__(frames)
        for frame, mask in zip(frames, masks, strict=True):
            number = self.seen.setdefault(frame.tobytes(), len(self.seen))
            self.failed += number in (2, 4)
            if number in (1, 2, 4):
                mask[:] = 0
        return masks


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
    made, lacking = mask_run(run_without_masks, Sulky(), 3, Console(quiet=True))
    assert len(made) > 10
    assert lacking == 2
    rest, lacking = mask_run(RunFolder(run_without_masks.path), Threshold(), 3, Console(quiet=True))
    assert (len(rest), lacking) == (3, 0), "the two that failed, and the one that was blank"
    assert mask_run(RunFolder(run_without_masks.path), Threshold(), 3, Console(quiet=True)) == ([], 0)
    with Trainer.resume(run_without_masks.path, Console(quiet=True)) as trainer:
        store = trainer.model.transitions.store
        slots = store.live()
        slots = slots[store.masked[slots]]
        assert len(slots) == len(made) - 1 + len(rest)
        frames = store.frames(slots[:, None]).numpy()
        np.testing.assert_array_equal(store.masks(slots).numpy(), Threshold()(frames))


def noise(size=(16, 16, 3), seed=0):
    return np.random.default_rng(seed).integers(0, 256, size, np.uint8)


@pytest.mark.parametrize("cache", [False, True])
def test_a_frame_without_an_answer_is_told_and_asked_for_again(cache, clipseg, tmp_path, capsys):
    for number in range(5):
        Image.fromarray(noise(seed=number)).save(tmp_path / f"{number}.png")
    with ChatServer(lambda request: '["car"]' if len(server.requests) != 3 else "[]") as server:
        arguments = ["masks", str(tmp_path), "--masks", "endpoint:clipseg", "--mask-options"]
        arguments += [f"segmenter.model={clipseg}", f"phraser.base_url={server.url}", "phraser.retries=0"]
        arguments += ["floor=0", "least_peak=0", *([f"cache={tmp_path / 'cache'}"] if cache else [])]
        server.faults = [None, "error", None, "denied"]
        assert main(arguments) == 1
        shown = capsys.readouterr().out
        assert "3 masks written to" in shown
        assert "2 frames failed and have no mask: the same command tries them again" in shown
        for number in (1, 3):
            assert f"{tmp_path / f'{number}.png'} has no mask: no answer about it could be used" in shown
        written = sorted(path.name for path in (tmp_path / "masks").iterdir())
        assert written == ["0.png", "2.png", "4.png", "contact_sheet.png"]
        with Image.open(tmp_path / "masks" / "2.png") as blank:
            assert not np.asarray(blank).any(), "the model has seen nothing there"
        server.answer = "I cannot say."
        assert main(arguments) == 1
        assert "masks written" not in capsys.readouterr().out
        server.answer = '["car"]'
        assert main(arguments) == 0
        assert "2 masks written to" in capsys.readouterr().out
        assert main(arguments) == 0
        assert "nothing to do" in capsys.readouterr().out


def test_which_of_a_batch_failed_is_found_out():
    frames = np.random.default_rng(0).integers(0, 256, (8, 3, 9, 9), np.uint8)
    made = explained(Sulky(), frames)
    assert [number for number, each in enumerate(made) if each is None] == [2, 4]
    assert not made[1].mask.any()


def test_a_damaged_picture_is_told_in_a_line_and_the_others_go_on(clipseg, tmp_path, capsys):
    for number in range(3):
        Image.fromarray(noise(seed=number)).save(tmp_path / f"{number}.png")
    whole = (tmp_path / "1.png").read_bytes()
    (tmp_path / "1.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "3.jpg").mkdir()
    options = ["--mask-options", 'phrases=["car"]', f"segmenter.model={clipseg}"]
    assert main(["masks", str(tmp_path), *options]) == 1
    shown = capsys.readouterr().out.splitlines()
    for name in ("1.png", "3.jpg"):
        (line,) = [line for line in shown if name in line]
        assert line.startswith(f"{tmp_path / name} cannot be read as a picture: ")
    assert shown[-2].startswith("2 masks written to")
    assert shown[-1].startswith("2 frames failed")
    (tmp_path / "1.png").write_bytes(whole)
    (tmp_path / "3.jpg").rmdir()
    assert main(["masks", str(tmp_path), *options]) == 0


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
