"""Actions in words and words to verdicts."""

from __future__ import annotations

import numpy as np
import pytest

from semore_gym.judges.words import action_in_words, parse_verdict


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ((0.0, 0.0), "keep the speed, keep straight"),
        ((-0.2, -0.2), "brake gently, steer slightly left"),
        ((0.5, 0.5), "accelerate moderately, steer moderately right"),
        ((1.0, -1.0), "brake hard, steer sharply right"),
        ((0.049, 0.05), "accelerate gently, keep straight"),
    ],
)
def test_an_action_in_words(action, words):
    assert action_in_words(np.array(action, np.float32).astype(np.float64).round(6)) == words


def test_what_is_no_action():
    for action in ([0.0], [0.0, np.nan], [[0.0, 0.0]]):
        with pytest.raises(ValueError, match="action must be two finite numbers, steer and throttle"):
            action_in_words(action)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("reasonable", True),
        ("Unreasonable.", False),
        ("That is not reasonable", False),
        ("not unreasonable", True),
        ('{"verdict": "UNREASONABLE"}', False),
        ("**Unreasonable**", False),
        ("It isn't reasonable", False),
        ("This is not very reasonable.", False),
        ("I wouldn\u2019t call that reasonable", False),
        ("I don't think that this is a reasonable thing", False),
        ("Neither reasonable nor safe", False),
        ("far from reasonable", False),
        ("It's un-reasonable", False),
        ("It is not necessarily unreasonable.", True),
        ("I can't say that it is unreasonable", True),
        ("It does not hit anything and is reasonable", True),
        ("There is no car, so it is reasonable.", True),
        ("Reasonable? Who knows.", None),
        ("reasonable or unreasonable", None),
        ("unreasonably fast", None),
        ("", None),
        ("x" * 10**7 + "reasonable", None),
    ],
)
def test_a_verdict(text, verdict):
    assert parse_verdict(text) is verdict
