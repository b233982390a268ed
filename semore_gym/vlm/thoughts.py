"""What a thinking model says to itself, told from what it answers."""

from __future__ import annotations

import re

# <think>, </thinking>, [THINK], ◁/think▷, <|end_of_thought|>, <seed:think>, <|channel|>analysis
MARK = re.compile(
    r"[<\[\u25c1]\|?\s*(?P<end>/|end_of_)?(?:begin_of_)?(?:\w{1,16}:)?"
    r"(?:think|thinking|thoughts?|reason|reasoning|reflection|analysis|scratchpad)\s*\|?[>\]\u25b7]"
    r"|<\|channel\|>\s*(?:analysis|commentary|(?P<final>final))\s*<\|message\|>",
    re.IGNORECASE,
)


def without_thoughts(text: str, begun: bool = False) -> str:
    """Cut a thinking model's thoughts off its answer.

    Args:
        text: What the model wrote.
        begun: Whether it begins in the middle of a thought, see `leaves_a_thought_open`.

    Returns:
        What comes after the last end of a thought; nothing where a thought has no end.

    Example:
        >>> without_thoughts('<think>A "blue car"? No.</think>["red car"]')
        '["red car"]'
    """
    start = 0
    for mark in MARK.finditer(text):
        begun = not (mark["end"] or mark["final"])
        start = mark.end()
    return "" if begun else text[start:]


def leaves_a_thought_open(prompt: str) -> bool:
    """Whether a prompt ends with the beginning of a thought, as some models' chat templates write it."""
    marks = list(MARK.finditer(prompt))
    return bool(marks) and not marks[-1]["end"] and not prompt[marks[-1].end() :].strip()
