from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from safetensors.torch import save_file

from semore_gym.masks.segmenters import SEGMENTERS
from semore_gym.masks.segmenters.sam3 import SAM3Segmenter, merge_instances, merge_semantic

PHRASES = [("car", "a red car ahead"), (), ("pedestrian",), ("a", "b", "car")]


@pytest.fixture(scope="module")
def logits(sam3, frames):
    return SEGMENTERS.load("sam3")(sam3)(frames, PHRASES)


def test_logits_lie_on_the_frames_grid(logits):
    assert [part.shape for part in logits] == [(2, 40, 56), (0, 40, 56), (1, 40, 56), (3, 40, 56)]
    assert all(part.dtype == np.float32 for part in logits)


def own_way(model, tokenizer, image, phrase, output):
    """Probabilities by the model's own forward, as large as they come."""
    tokens = tokenizer([phrase], padding="max_length", max_length=32, return_tensors="pt")
    with torch.no_grad():
        found = model(pixel_values=image, **tokens)
    if output == "instances":
        return merge_instances(found).sigmoid()
    return found.semantic_seg[0].sigmoid() * found.presence_logits.sigmoid()


@pytest.mark.parametrize("output", ["semantic", "instances"])
@pytest.mark.parametrize("kind", ["Sam3Model", "Sam3LiteTextModel"])
def test_transformers_own_way_gives_the_same(output, kind, sam3, sam3_lite, frames):
    """One pair after the other, the probabilities resized by Pillow."""
    folder = sam3 if kind == "Sam3Model" else sam3_lite
    model = getattr(transformers, kind).from_pretrained(folder)
    tokenizer = transformers.CLIPTokenizer.from_pretrained(folder)
    segmenter = SAM3Segmenter(folder, output=output)
    assert type(segmenter._model) is type(model)
    pixels = segmenter._pixels(torch.from_numpy(frames))
    for image, phrases, found in zip(pixels.unsqueeze(1), PHRASES, segmenter(frames, PHRASES), strict=True):
        for phrase, part in zip(phrases, found, strict=True):
            own = own_way(model, tokenizer, image, phrase, output).squeeze().numpy()
            own = Image.fromarray(own).resize((56, 40), Image.Resampling.BILINEAR)
            np.testing.assert_allclose(1 / (1 + np.exp(-part)), np.asarray(own), rtol=1e-3, atol=1e-5)


def test_a_checkpoint_of_videos_gives_its_detector(sam3, frames, logits, tmp_path):
    """facebook/sam3 is one: its weights begin with `detector_model.`, its settings with `detector_config`."""
    detector = transformers.Sam3Model.from_pretrained(sam3)
    folder = shutil.copytree(sam3, tmp_path / "video")
    weights = {f"detector_model.{name}": tensor for name, tensor in detector.state_dict().items()}
    save_file(weights, folder / "model.safetensors")
    config = {"model_type": "sam3_video", "detector_config": json.loads((sam3 / "config.json").read_text())}
    (folder / "config.json").write_text(json.dumps(config))
    segmenter = SAM3Segmenter(folder)
    assert type(segmenter._model) is transformers.Sam3Model
    for part, expected in zip(segmenter(frames, PHRASES), logits, strict=True):
        np.testing.assert_allclose(part, expected, rtol=1e-5, atol=1e-5)


def test_another_model_is_refused(clipseg):
    with pytest.raises(ValueError, match=r"model must be SAM 3, of type sam3, .* of type 'clipseg'"):
        SAM3Segmenter(clipseg)


def test_what_is_not_there_is_nowhere():
    found = SimpleNamespace(
        semantic_seg=torch.full((2, 1, 3, 3), 4.0), presence_logits=torch.tensor([[-8.0], [8.0]])
    )
    absent, present = merge_semantic(found).sigmoid()
    assert absent.max() < 0.001
    assert present.min() > 0.98


def test_frames_are_prepared_as_its_settings_say(sam3, frames):
    found = SAM3Segmenter(sam3)._pixels(torch.from_numpy(frames)).numpy()
    for frame, image in zip(frames, found, strict=True):
        resized = Image.fromarray(frame.transpose(1, 2, 0)).resize((56, 56), Image.Resampling.BILINEAR)
        expected = (np.asarray(resized).transpose(2, 0, 1) / 255 - 0.5) / 0.5
        assert np.abs(image - expected).max() < 2.02 / 255  # a level


def test_instances_are_merged_by_their_scores():
    generator = torch.Generator().manual_seed(0)
    masks, scores, presence = (
        torch.randn(*shape, generator=generator) for shape in ((2, 3, 4, 5), (2, 3), (2, 1))
    )
    found = SimpleNamespace(pred_masks=masks, pred_logits=scores, presence_logits=presence)
    merged = merge_instances(found).numpy()
    for pair, row, column in np.ndindex(2, 4, 5):
        numbers = [
            [masks[pair, query, row, column], scores[pair, query], presence[pair, 0]] for query in range(3)
        ]
        best = max(np.prod([1 / (1 + np.exp(-float(number))) for number in some]) for some in numbers)
        assert merged[pair, row, column] == pytest.approx(np.log(best / (1 - best)), rel=1e-4)


def test_batches_change_nothing(sam3, frames, logits):
    for batch_size in (1, 6):
        again = SAM3Segmenter(sam3, batch_size=batch_size)(frames, PHRASES)
        for part, expected in zip(again, logits, strict=True):
            np.testing.assert_allclose(part, expected, rtol=1e-5, atol=1e-5)


def test_a_frame_is_encoded_once(sam3, frames):
    segmenter = SAM3Segmenter(sam3)
    seen = []
    segmenter._model.vision_encoder.register_forward_hook(
        lambda module, arguments, output: seen.append(len(output.fpn_hidden_states[0]))
    )
    segmenter(frames[3:], PHRASES[3:])
    assert seen == [1]


def test_phrases_and_frames_matter(logits):
    assert np.abs(logits[0][0] - logits[0][1]).max() > 1e-3
    assert np.abs(logits[0][0] - logits[3][2]).max() > 1e-3


def test_half_precision_is_close(sam3, frames, logits):
    segmenter = SAM3Segmenter(sam3, dtype="bfloat16")
    assert segmenter._model.dtype == torch.bfloat16
    (part,) = segmenter(frames[2:3], PHRASES[2:3])
    assert part.dtype == np.float32
    assert np.abs(part - logits[2]).mean() < 0.1 * logits[2].std()


def test_a_phrase_too_long_is_cut(sam3, frames):
    (part,) = SAM3Segmenter(sam3)(frames[:1], [("a car " * 100,)])
    assert np.isfinite(part).all()


def test_outputs_are_known(sam3):
    with pytest.raises(ValueError, match="output must be one of semantic, instances, got 'boxes'"):
        SAM3Segmenter(sam3, output="boxes")


def test_identity_tells_the_output(sam3):
    semantic, instances = SAM3Segmenter(sam3), SAM3Segmenter(sam3, output="instances")
    assert semantic.identity != instances.identity
