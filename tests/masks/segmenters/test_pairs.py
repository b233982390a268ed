from __future__ import annotations

import numpy as np
import pytest

from semore_gym.masks.segmenters.pairs import PairSegmenter


class Lengths(PairSegmenter):
    """The first pixel of the frame plus the length of the phrase; remembers the batches it saw."""

    identity = "lengths"

    def __init__(self, batch_size):
        super().__init__("cpu", "float32", batch_size)
        self.batches = []

    def _logits(self, frames, phrases, frame_of, phrase_of):
        self.batches.append((len(frames), len(phrases), len(frame_of)))
        lengths = frame_of.new_tensor([len(phrase) for phrase in phrases])[phrase_of]
        return frames[frame_of, 0].float() + lengths[:, None, None]


FRAMES = np.arange(4, dtype=np.uint8)[:, None, None, None] * 10 + np.zeros((4, 3, 5, 7), np.uint8)
PHRASES = [("car", "truck"), (), ("car",), ("a", "car", "truck")]


@pytest.mark.parametrize("batch_size", [1, 2, 4, 100])
def test_every_frame_gets_its_own_phrases(batch_size):
    logits = Lengths(batch_size)(FRAMES, PHRASES)
    assert [part.shape for part in logits] == [(2, 5, 7), (0, 5, 7), (1, 5, 7), (3, 5, 7)]
    assert all(part.dtype == np.float32 for part in logits)
    assert [part[:, 0, 0].tolist() for part in logits] == [[3, 5], [], [23], [31, 33, 35]]


def test_frames_and_phrases_are_handed_over_once():
    segmenter = Lengths(4)
    segmenter(FRAMES, PHRASES)
    assert segmenter.batches == [(3, 3, 4), (1, 2, 2)]


def test_no_phrases_ask_nothing():
    segmenter = Lengths(4)
    assert [part.shape for part in segmenter(FRAMES, [()] * 4)] == [(0, 5, 7)] * 4
    assert segmenter(FRAMES[:0], []) == []
    assert not segmenter.batches


@pytest.mark.parametrize(
    ("frames", "phrases", "message"),
    [
        (FRAMES[0], [()], r"frames must be \(N, 3, H, W\) uint8, got \(3, 5, 7\) uint8"),
        (FRAMES.astype(np.float32), [()] * 4, "got .* float32"),
        (FRAMES[:, :1], [()] * 4, r"got \(4, 1, 5, 7\)"),
        (FRAMES, [()] * 3, "a tuple for each of the 4 frames, got 3"),
    ],
)
def test_bad_input_is_refused(frames, phrases, message):
    with pytest.raises(ValueError, match=message):
        Lengths(4)(frames, phrases)


def test_batches_have_a_size():
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        Lengths(0)
