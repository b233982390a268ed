from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from semore_gym.masks import segmenters
from semore_gym.masks.segmenters.cris.model import CRIS, RESNET50
from semore_gym.masks.segmenters.cris.segmenter import CRISSegmenter, letterbox, unletterbox

MEAN = np.array([0.48145466, 0.4578275, 0.40821073])[:, None, None]
STD = np.array([0.26862954, 0.26130258, 0.27577711])[:, None, None]
PHRASES = [("car", "a car")]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """CRIS with ResNet-50 at its true size, random weights in half precision."""
    with torch.device("meta"):
        model = CRIS(RESNET50, 1024).to(torch.bfloat16)
    model = model.to_empty(device="cpu")
    generator = torch.Generator().manual_seed(0)
    for name, tensor in model.state_dict().items():
        if tensor.dim() > 1:
            tensor.normal_(0, (2 / tensor[0].numel()) ** 0.5, generator=generator)
        else:
            tensor.fill_(name.endswith((".weight", "running_var")))
    path = tmp_path_factory.mktemp("cris") / "cris_r50.pth"
    torch.save({"state_dict": model.state_dict()}, path)
    yield path
    path.unlink()


@pytest.fixture(scope="module")
def folder(tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def segmenter(checkpoint, folder):
    return segmenters.SEGMENTERS.load("cris")(checkpoint, tokenizer=folder)


@pytest.mark.slow
def test_phrases_become_logits_on_the_frames_grid(segmenter, checkpoint, folder, frames):
    (logits,) = segmenter(frames[:1], PHRASES)
    assert logits.shape == (2, 40, 56)
    assert logits.dtype == np.float32
    assert np.isfinite(logits).all()
    assert np.abs(logits[0] - logits[1]).max() > 0.1 * logits.std()
    tokens = segmenter._tokens(list(PHRASES[0]))
    with torch.inference_mode():
        images = letterbox(torch.from_numpy(frames[:1])).expand(2, -1, -1, -1)
        expected = unletterbox(segmenter._model(images, tokens), 40, 56)
    np.testing.assert_allclose(logits, expected, rtol=1e-3, atol=1e-3)


def test_tokens_are_start_words_end_and_zeros(segmenter, tokenizer):
    tokens = segmenter._tokens(["ab", "a" * 40, ""]).tolist()
    a, b, last_b, last_a = tokenizer.convert_tokens_to_ids(["a", "b", "b</w>", "a</w>"])
    start, end = tokenizer.bos_token_id, tokenizer.eos_token_id
    assert b != last_b
    assert a != last_a
    assert tokens[0] == [start, a, last_b, end] + [0] * 13
    assert tokens[1] == [start] + [a] * 15 + [end]
    assert tokens[2] == [start, end] + [0] * 15


def test_identity_tells_the_weights(segmenter, checkpoint, folder, tmp_path):
    assert segmenter.identity.startswith("cris ")
    assert segmenter.identity.endswith(" float32")
    weights = torch.load(checkpoint, weights_only=True)["state_dict"]
    weights["proj.txt.bias"][0] += 1
    torch.save(weights, tmp_path / "other.pth")
    other = CRISSegmenter(tmp_path / "other.pth", tokenizer=folder, dtype="bfloat16")
    (tmp_path / "other.pth").unlink()
    assert other.identity.split()[1] != segmenter.identity.split()[1]
    assert other.identity.endswith(" bfloat16")
    assert other._model.proj.txt.weight.dtype == torch.bfloat16


def test_half_precision_is_close(segmenter, checkpoint, folder, frames):
    (expected,) = segmenter(frames[:1], [("car",)])
    (logits,) = CRISSegmenter(checkpoint, tokenizer=folder, dtype="bfloat16")(frames[:1], [("car",)])
    assert logits.dtype == np.float32
    assert np.abs(logits - expected).mean() < 0.2 * expected.std()


@pytest.mark.parametrize(("height", "width", "rows", "columns"), [(84, 84, 416, 416), (40, 80, 208, 416)])
def test_frames_are_letterboxed_as_pillow_resizes(height, width, rows, columns):
    # no black and no white: Pillow clips between rows and columns
    frame = np.random.default_rng(0).integers(80, 180, (height, width, 3), np.uint8)
    image = letterbox(torch.from_numpy(frame).permute(2, 0, 1).unsqueeze(0))[0].numpy() * STD + MEAN
    resized = np.asarray(Image.fromarray(frame).resize((columns, rows), Image.Resampling.BICUBIC))
    top = (416 - rows) // 2
    inside = image[:, top : top + rows]
    assert image.shape == (3, 416, 416)
    assert np.abs(inside - resized.transpose(2, 0, 1) / 255).max() < 1.01 / 255
    np.testing.assert_allclose(image[:, :top], np.broadcast_to(MEAN, (3, top, 416)), atol=1e-6)
    np.testing.assert_allclose(image[:, top + rows :], np.broadcast_to(MEAN, (3, top, 416)), atol=1e-6)


def test_logits_return_to_where_the_frame_was():
    columns, rows = np.meshgrid(np.arange(104.0), np.arange(104.0))
    ramps = torch.from_numpy(np.stack([columns, rows])).float()
    across, down = 52 + 52 * unletterbox(ramps / 52 - 1, 40, 80).numpy()  # where a sigmoid is nearly straight
    # a frame's pixel is 5.2 pixels of the image, whose 0 and 415 are the logits' 0 and 103
    place = (np.arange(80) * 5.2 + 2.1) * 103 / 415
    np.testing.assert_allclose(across[20, 2:-2], place[2:-2], atol=0.05)
    place = (104 + np.arange(40) * 5.2 + 2.1) * 103 / 415
    np.testing.assert_allclose(down[2:-2, 40], place[2:-2], atol=0.05)


def test_missing_weights_say_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no weights of CRIS at 'cris_r50.pth': give a checkpoint"):
        CRISSegmenter()
