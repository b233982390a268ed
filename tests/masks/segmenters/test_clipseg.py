from __future__ import annotations

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

from semore_gym.masks.segmenters import SEGMENTERS
from semore_gym.masks.segmenters.clipseg import CLIPSegSegmenter

PHRASES = [("car", "a red car ahead"), (), ("pedestrian",), ("a", "b", "car")]


@pytest.fixture(scope="module")
def logits(clipseg, frames):
    return SEGMENTERS.load("clipseg")(clipseg)(frames, PHRASES)


def test_logits_lie_on_the_frames_grid(logits):
    assert [part.shape for part in logits] == [(2, 40, 56), (0, 40, 56), (1, 40, 56), (3, 40, 56)]
    assert all(part.dtype == np.float32 for part in logits)


def test_transformers_own_way_gives_the_same(clipseg, frames, logits):
    """The model's own forward, one pair after the other, its probabilities resized by Pillow."""
    model = transformers.CLIPSegForImageSegmentation.from_pretrained(clipseg)
    tokenizer = transformers.AutoTokenizer.from_pretrained(clipseg)
    pixels = CLIPSegSegmenter(clipseg)._pixels(torch.from_numpy(frames))
    for image, phrases, found in zip(pixels.unsqueeze(1), PHRASES, logits, strict=True):
        for phrase, part in zip(phrases, found, strict=True):
            with torch.no_grad():
                own = model(pixel_values=image, **tokenizer([phrase], return_tensors="pt")).logits
            own = Image.fromarray(own.squeeze().sigmoid().numpy()).resize((56, 40), Image.Resampling.BILINEAR)
            np.testing.assert_allclose(1 / (1 + np.exp(-part)), np.asarray(own), rtol=1e-4, atol=1e-4)


def test_frames_are_prepared_as_transformers_does(clipseg, frames):
    processor = transformers.ViTImageProcessorPil.from_pretrained(clipseg)
    images = [Image.fromarray(frame.transpose(1, 2, 0)) for frame in frames]
    expected = processor(images, return_tensors="pt").pixel_values
    found = CLIPSegSegmenter(clipseg)._pixels(torch.from_numpy(frames))
    assert (found - expected).abs().max() < 1.01 / 255 / 0.2  # a level, and 0.2 is the smallest std


def test_batches_change_nothing(clipseg, frames, logits):
    for batch_size in (1, 4):
        again = CLIPSegSegmenter(clipseg, batch_size=batch_size)(frames, PHRASES)
        for part, expected in zip(again, logits, strict=True):
            np.testing.assert_allclose(part, expected, rtol=1e-5, atol=1e-5)


def test_phrases_and_frames_matter(logits):
    assert np.abs(logits[0][0] - logits[0][1]).max() > 0.1
    assert np.abs(logits[0][0] - logits[3][2]).max() > 0.1


def test_half_precision_is_close(clipseg, frames, logits):
    segmenter = CLIPSegSegmenter(clipseg, dtype="bfloat16")
    assert segmenter._model.dtype == torch.bfloat16
    (part,) = segmenter(frames[2:3], PHRASES[2:3])
    assert part.dtype == np.float32
    assert np.abs(part - logits[2]).mean() < 0.1 * logits[2].std()


def test_a_phrase_too_long_is_cut(clipseg, frames):
    (part,) = CLIPSegSegmenter(clipseg)(frames[:1], [("a car " * 100,)])
    assert np.isfinite(part).all()


def test_nothing_learns(clipseg):
    assert not CLIPSegSegmenter(clipseg)._model.training
