"""What a judge of actions is asked, and how it answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol

import numpy.typing as npt


class Question(NamedTuple):
    """Is it reasonable to do this, here?

    Attributes:
        number: What the verdict is to be returned with.
        frames: The history up to o_t, (3k, H, W) uint8, oldest first.
        action: a_t, (A,), in the action space's units: steer (negative = left) and throttle for driving.
        info: The numbers and names of the info that came with o_t; None where it is not known.
    """

    number: int
    frames: npt.NDArray[Any]
    action: npt.NDArray[Any]
    info: Mapping[str, float | str] | None


class Judge(Protocol):
    """Answers questions, at once or later, in any order.

    A judge that answers at once has its verdict ready when `verdicts` is next called; one that is slow or
    works in batches returns nothing until it knows. What it gives up on (a time-out, an unreadable answer)
    it answers with None; no question may stay without an answer for ever.
    """

    def ask(self, question: Question) -> None:
        """Take in a question."""

    def verdicts(self) -> Iterable[tuple[int, bool | None]]:
        """Give the answers that became known since the last call.

        Returns:
            Pairs of a question's number and True (reasonable), False (unreasonable) or None (failed).
        """
