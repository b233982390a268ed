"""An action in words, and a verdict out of words."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

STILL = 0.05  # below this magnitude steer and throttle count as none
STRENGTHS = ((0.35, "gently"), (0.7, "moderately"), (float("inf"), "hard"))
SLIGHTNESS = ((0.35, "slightly"), (0.7, "moderately"), (float("inf"), "sharply"))

LONGEST_ANSWER = 2_000  # characters that are looked at
# words that may stand between a negation and what it negates: "I wouldn't call that very reasonable"
BETWEEN = (
    "a|action|all|an|any|anything|appears?|as|at|be|being|believe|call|called|completely|consider|considered|"
    "entirely|exactly|feel|find|fully|in|is|it|judged|looks?|maneuver|manoeuvre|most|necessarily|of|"
    "particularly|quite|really|say|seems?|so|sounds?|that|the|think|this|to|very|way|would"
)
NEGATION = r"(?:\b(?:not|never|hardly|neither|nor|cannot|scarcely|far from|anything but)|n['\u2019]t)"
VERDICT = re.compile(
    rf"({NEGATION}\W{{1,3}}(?:(?:{BETWEEN})\W{{1,3}}){{0,8}})?\b((?:un|non)-?)?reasonable\b(?!\s*\?)",
    re.IGNORECASE,
)


def action_in_words(action: npt.ArrayLike) -> str:
    """Say what an action does, for a model that reads (Semore, Fig. 5).

    Args:
        action: (2,): steer (negative = left) and throttle (negative = brake), in [-1, 1].

    Raises:
        ValueError: If there are no two finite numbers in it.

    Example:
        >>> action_in_words([-0.2, -0.9])
        'brake hard, steer slightly left'
    """
    values = np.asarray(action, np.float64)
    if values.shape != (2,) or not np.isfinite(values).all():
        raise ValueError(f"action must be two finite numbers, steer and throttle, got {action!r}")
    steer, throttle = values.tolist()
    speed, turn = "keep the speed", "keep straight"
    if abs(throttle) >= STILL:
        speed = f"{'brake' if throttle < 0 else 'accelerate'} {_degree(throttle, STRENGTHS)}"
    if abs(steer) >= STILL:
        turn = f"steer {_degree(steer, SLIGHTNESS)} {'left' if steer < 0 else 'right'}"
    return f"{speed}, {turn}"


def _degree(value: float, words: tuple[tuple[float, str], ...]) -> str:
    return next(word for limit, word in words if abs(value) < limit)


def parse_verdict(text: str) -> bool | None:
    """Read whether an answer says "reasonable" or "unreasonable"; a negation before it turns it round.

    Args:
        text: What the model wrote, of any length; the first 2,000 characters are looked at.

    Returns:
        The verdict; None where there is none, or both.

    Example:
        >>> parse_verdict("Unreasonable: there is a car ahead."), parse_verdict("Who knows?")
        (False, None)
        >>> parse_verdict("I wouldn't call that reasonable.")
        False
    """
    found = {bool(no) == bool(un) for no, un in VERDICT.findall(text[:LONGEST_ANSWER])}
    return found.pop() if len(found) == 1 else None
