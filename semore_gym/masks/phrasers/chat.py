"""Phrases from a chat model's answers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from semore_gym.masks.phrasers.base import Phrases
from semore_gym.masks.phrasers.parsing import read_phrases, tidied
from semore_gym.masks.phrasers.phrasing import with_request
from semore_gym.masks.segmenters.base import Phrasing
from semore_gym.vlm.base import Chat, check_positive
from semore_gym.vlm.chats import Asking
from semore_gym.vlm.prompts import digest, load_prompt


class ChatPhraser:
    """Asks a chat model what matters in each frame.

    Args:
        chat: Answers questions about pictures.
        prompt: Name of one of the package's prompts (`"default"`, `"highway"`, `"jaywalk"`, `"highbeam"`) or
            a text that asks for a JSON list of phrases; `{phrasing}` in it becomes the request for one.
        limit: Most phrases of a frame.
        max_words: Most words of a phrase.
        phrasing: What the request is for, see `Segmenter`: `"noun"`, short noun phrases, or `"referring"`,
            expressions that say which one is meant.

    Raises:
        ValueError: If the prompt or the phrasing is unknown, or a limit is not positive.
    """

    def __init__(
        self,
        chat: Chat,
        prompt: str = "default",
        limit: int = 6,
        max_words: int = 12,
        phrasing: Phrasing = "noun",
    ) -> None:
        check_positive(limit=limit, max_words=max_words)
        self.chat = chat
        self.prompt, examples = with_request(load_prompt(prompt), phrasing)
        self._examples = {tidied(example).casefold() for example in examples}
        self.limit, self.max_words = limit, max_words
        settings = f"prompt {digest(self.prompt)} {limit} {max_words}"
        self.identity = f"{type(chat).__name__} {chat.identity} {settings}"
        self._unusable = self._copied = 0

    def __call__(self, frames: npt.NDArray[np.uint8]) -> list[Phrases]:
        """Name what matters in each of the frames, (N, 3, H, W) uint8; () where no usable answer came."""
        answers = self.chat(list(frames), [self.prompt] * len(frames))
        found = [None if text is None else read_phrases(text, self.limit, self.max_words) for text in answers]
        self._unusable += sum(
            text is not None and phrases is None for text, phrases in zip(answers, found, strict=True)
        )
        named = [phrases or () for phrases in found]
        self._copied += sum(
            any(phrase.casefold() in self._examples for phrase in phrases) for phrases in named
        )
        return named

    def counts(self) -> dict[str, float]:
        """What happened since this was made.

        Returns:
            The chat's own `asked`, `answered`, `failed`, `retries` and `seconds`; of the answers, `unusable`
            ones and those that have a phrase of the prompt's example, `copied`, instead of looking.
        """
        return {**self.chat.counts(), "unusable": self._unusable, "copied": self._copied}


LOCAL = Asking(ChatPhraser, "vlm")
ENDPOINT = Asking(ChatPhraser, "endpoint")
