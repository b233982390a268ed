import math

import numpy as np
import pytest

from helpers.providers import Lines, Words
from semore_gym.masks import MaskProvider
from semore_gym.masks.vlm import VLMMasks, combined

PHRASES = [("car", "a lamp"), (), ("walker",)]


def frames(count=3):
    return np.random.default_rng(0).integers(0, 256, (count, 3, 6, 5), np.uint8)


def by_hand(frame, phrases, combine):
    height, width = frame.shape[1:]
    sums = [[0.0] * width for _ in range(height)]
    for y in range(height):
        for x in range(width):
            chances = [1 / (1 + math.exp(-(int(frame[0, y, x]) - 100) * len(p) / 20)) for p in phrases]
            sums[y][x] = max(chances, default=0.0) if combine == "max" else sum(chances)
    largest = max(map(max, sums))
    if combine == "normalised" and largest:
        sums = [[value / largest for value in row] for row in sums]
    return np.array([[255 * min(1.0, value) for value in row] for row in sums])


@pytest.mark.parametrize("combine", ["sum", "max", "normalised"])
def test_masks_are_the_phrases_sigmoids_combined(combine):
    segmenter = Lines()
    masks = VLMMasks(Words(*PHRASES), segmenter, combine)(frames())
    assert masks.dtype == np.uint8
    assert masks.shape == (3, 1, 6, 5)
    assert segmenter.calls == [2], "one call, without the frame that nothing was said of"
    for mask, frame, phrases in zip(masks, frames(), PHRASES, strict=True):
        np.testing.assert_allclose(mask[0], by_hand(frame, phrases, combine), atol=0.5001)
    assert not masks[1].any()


def test_no_phrase_at_all_asks_no_segmenter():
    segmenter = Lines()
    assert not VLMMasks(Words((), ()), segmenter)(frames(2)).any()
    assert segmenter.calls == []


@pytest.mark.parametrize("combine", ["sum", "max", "normalised"])
def test_logits_of_any_size_are_no_trouble(combine):
    logits = np.array([[[-1e30, 1e30], [0.0, -0.0]]], np.float32)
    with np.errstate(all="raise", under="ignore"):
        mask = combined(logits, combine)
    np.testing.assert_array_equal(mask, [[0, 255], [128, 128]])
    np.testing.assert_array_equal(combined(np.full((2, 3, 3), -1e30, np.float32), combine), np.zeros((3, 3)))


def test_counts_and_phrases_are_told():
    masks = VLMMasks(Words(*PHRASES), Lines())
    made, phrases = masks.explain(frames())
    assert phrases == PHRASES
    assert masks.counts() == {
        "asked": 1.0,
        "frames": 3,
        "phrases_per_frame": 1.0,
        "coverage": np.mean(made >= 128),
    }


def test_the_identity_holds_everything_that_decides_a_mask():
    assert isinstance(VLMMasks(Words(), Lines()), MaskProvider)
    identities = {VLMMasks(Words(), Lines(), combine).identity for combine in ("sum", "max", "normalised")}
    assert len(identities) == 3
    assert all("words" in identity and "lines" in identity for identity in identities)


def test_an_unknown_way_to_combine_is_refused():
    with pytest.raises(ValueError, match="combine must be one of sum, max, normalised, got 'mean'"):
        VLMMasks(Words(), Lines(), "mean")
