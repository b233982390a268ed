"""A judge that asks a chat model, in batches."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from semore_gym.judges.base import Question
from semore_gym.judges.words import action_in_words, parse_verdict
from semore_gym.vlm.base import Chat, check_positive
from semore_gym.vlm.chats import Asking
from semore_gym.vlm.prompts import load_prompt

Verdicts = list[tuple[int, bool | None]]


class ChatJudge:
    """Shows a chat model o_t, says a_t in words, and reads "reasonable" or "unreasonable" (Semore, Fig. 5).

    Questions gather until there are `batch_size` of them, or `verdicts` was called `patience` times since the
    first of them came. What is not answered, or not with a verdict, is None.

    Args:
        chat: Answers questions about pictures.
        prompt: Name of one of the package's prompts or a text, with `{action}` in it.
        batch_size: Most questions at once.
        patience: Most calls of `verdicts`, which is one per step, that a question waits for others.
        deadline: Where given, the model is asked in a thread while training goes on, and a question that has
            no answer this long after it was handed over is given up [s]. Otherwise `verdicts` waits for it.

    Raises:
        ValueError: If an argument is out of range, or the prompt has no place for the action.
    """

    def __init__(
        self,
        chat: Chat,
        prompt: str = "judge",
        batch_size: int = 16,
        patience: int = 64,
        deadline: float | None = None,
    ) -> None:
        check_positive(batch_size=batch_size, patience=patience)
        if deadline is not None:
            check_positive(deadline=deadline)
        self.chat = chat
        self.prompt = load_prompt(prompt)
        if "{action}" not in self.prompt:
            raise ValueError(f"prompt must have {{action}} where the action's words go, got {self.prompt!r}")
        self.batch_size, self.patience, self.deadline = batch_size, patience, deadline
        self._waiting: list[Question] = []
        self._waited = 0
        self._known: Verdicts = []
        self._asked: list[Future[Verdicts]] = []
        self._thread: ThreadPoolExecutor | None = None
        self._tally = {"reasonable": 0, "unreasonable": 0, "unusable": 0}

    def ask(self, question: Question) -> None:
        """Take in a question; nothing is asked of the model before a batch is full or has waited enough."""
        self._waiting.append(question)
        if len(self._waiting) >= self.batch_size:
            self._hand_over()

    def verdicts(self) -> Verdicts:
        """Give the answers that became known since the last call."""
        if self._waiting:
            self._waited += 1
            if self._waited >= self.patience:
                self._hand_over()
        for future in [future for future in self._asked if future.done()]:
            self._asked.remove(future)
            self._known += future.result()
        known, self._known = self._known, []
        return known

    def counts(self) -> dict[str, float]:
        """The chat's own counts, and the answers: `reasonable`, `unreasonable`, `unusable`."""
        return {**self.chat.counts(), **self._tally}

    def __getstate__(self) -> dict[str, Any]:
        """What a copy begins with: the settings. Questions are the asker's to put again."""
        return {**self.__dict__, "_thread": None, "_asked": [], "_waiting": [], "_known": [], "_waited": 0}

    def _hand_over(self) -> None:
        batch, self._waiting, self._waited = self._waiting, [], 0
        if self.deadline is None:
            self._known += self._judge(batch, None)
            return
        self._thread = self._thread or ThreadPoolExecutor(1, "judge")
        self._asked.append(self._thread.submit(self._judge, batch, time.monotonic() + self.deadline))

    def _judge(self, batch: list[Question], until: float | None) -> Verdicts:
        left = None if until is None else until - time.monotonic()
        answers: list[str | None] = [None] * len(batch)  # of a batch whose turn came too late
        if left is None or left > 0:
            prompts = [self.prompt.replace("{action}", action_in_words(q.action)) for q in batch]
            answers = self.chat([question.frames[-3:] for question in batch], prompts, left)
        verdicts = [None if answer is None else parse_verdict(answer) for answer in answers]
        self._tally["reasonable"] += verdicts.count(True)
        self._tally["unreasonable"] += verdicts.count(False)
        self._tally["unusable"] += verdicts.count(None) - answers.count(None)
        return [(question.number, verdict) for question, verdict in zip(batch, verdicts, strict=True)]


# a verdict is a word; whoever asks a model on this machine waits for it, unless a deadline is given
LOCAL = Asking(ChatJudge, "vlm", {"batch_size": 16, "max_new_tokens": 8})
ENDPOINT = Asking(ChatJudge, "endpoint", {"deadline": 30.0, "max_tokens": 8})
