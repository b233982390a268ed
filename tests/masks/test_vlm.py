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
            chances = [max(0.0, (chance - 0.2) / 0.8) for chance in chances]
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
        mask = combined(logits, combine, floor=0.0, least_peak=0.0)
    np.testing.assert_array_equal(mask, [[0, 255], [128, 128]])
    np.testing.assert_array_equal(combined(logits, combine), [[0, 255], [96, 96]])  # (0.5 - 0.2) / 0.8
    np.testing.assert_array_equal(combined(np.full((2, 3, 3), -1e30, np.float32), combine), np.zeros((3, 3)))


@pytest.mark.parametrize("combine", ["sum", "max", "normalised"])
def test_haze_is_no_knowledge(combine):
    haze = np.full((6, 8, 8), np.log(0.15 / 0.85), np.float32)  # six phrases, each at 15 % everywhere
    assert combined(haze, combine, floor=0.0, least_peak=0.0).min() >= 38
    assert not combined(haze, combine).any()
    strongest = haze.copy()
    strongest[0, 4, 4] = np.log(0.34 / 0.66)
    assert not combined(strongest, combine).any()
    strongest[0, 4, 4] = np.log(0.9 / 0.1)
    mask = combined(strongest, combine)
    assert mask[4, 4] >= 223
    assert not np.delete(mask, 36).any()


def test_the_background_and_blank_frames_are_counted():
    class Hazy(Lines):
        def __call__(self, frames, phrases):
            logits = np.full((1, *frames.shape[2:]), np.log(0.4 / 0.6), np.float32)
            logits[0, :3] = 30.0
            return [logits] * len(frames)

    masks = VLMMasks(Words(("car",), ()), Hazy())
    masks(frames(2))
    counts = masks.counts()
    assert (counts["blank"], counts["coverage"]) == (0.5, 0.25)
    assert counts["background"] == pytest.approx(64 / 255 * 15 / 45)  # (0.4 - 0.2) / 0.8 in the lower half


def test_counts_and_phrases_are_told():
    masks = VLMMasks(Words(*PHRASES), Lines())
    made, phrases = masks.explain(frames())
    assert phrases == PHRASES
    assert masks.counts() == {
        "asked": 1.0,
        "frames": 3,
        "phrases_per_frame": 1.0,
        "blank": 1 / 3,
        "coverage": np.mean(made >= 128),
        "background": pytest.approx(made[made < 128].mean() / 255),
    }


def test_the_identity_holds_everything_that_decides_a_mask():
    assert isinstance(VLMMasks(Words(), Lines()), MaskProvider)
    identities = {VLMMasks(Words(), Lines(), combine).identity for combine in ("sum", "max", "normalised")}
    identities |= {
        VLMMasks(Words(), Lines(), floor=0.0).identity,
        VLMMasks(Words(), Lines(), least_peak=0.0).identity,
    }
    assert len(identities) == 5
    assert all("words" in identity and "lines" in identity for identity in identities)


def test_what_is_no_combination_is_refused():
    with pytest.raises(ValueError, match="combine must be one of sum, max, normalised, got 'mean'"):
        VLMMasks(Words(), Lines(), "mean")
    with pytest.raises(ValueError, match=r"floor must be a number in \[0, 1\), got 1.0"):
        VLMMasks(Words(), Lines(), floor=1.0)
