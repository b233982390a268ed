from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

from semore_gym.masks.segmenters import SEGMENTERS
from semore_gym.masks.segmenters.sam3 import SAM3Segmenter, merge_instances

PHRASES = [("car", "a red car ahead"), (), ("pedestrian",), ("a", "b", "car")]


@pytest.fixture(scope="module")
def logits(sam3, frames):
    return SEGMENTERS.load("sam3")(sam3)(frames, PHRASES)


def test_logits_lie_on_the_frames_grid(logits):
    assert [part.shape for part in logits] == [(2, 40, 56), (0, 40, 56), (1, 40, 56), (3, 40, 56)]
    assert all(part.dtype == np.float32 for part in logits)


@pytest.mark.parametrize("output", ["semantic", "instances"])
def test_transformers_own_way_gives_the_same(output, sam3, frames):
    """The model's own forward, one pair after the other, its probabilities resized by Pillow."""
    model = transformers.Sam3Model.from_pretrained(sam3)
    tokenizer = transformers.AutoTokenizer.from_pretrained(sam3)
    segmenter = SAM3Segmenter(sam3, output=output)
    pixels = segmenter._pixels(torch.from_numpy(frames))
    for image, phrases, found in zip(pixels.unsqueeze(1), PHRASES, segmenter(frames, PHRASES), strict=True):
        for phrase, part in zip(phrases, found, strict=True):
            tokens = tokenizer([phrase], padding="max_length", max_length=32, return_tensors="pt")
            with torch.no_grad():
                own = model(pixel_values=image, **tokens)
            own = own.semantic_seg[0] if output == "semantic" else merge_instances(own)
            own = Image.fromarray(own.squeeze().sigmoid().numpy()).resize((56, 40), Image.Resampling.BILINEAR)
            np.testing.assert_allclose(1 / (1 + np.exp(-part)), np.asarray(own), rtol=1e-4, atol=1e-4)


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
