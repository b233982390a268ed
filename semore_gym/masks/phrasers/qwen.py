"""Phrases from a vision-language model on this machine."""

from __future__ import annotations

from typing import Any

from semore_gym.masks.phrasers.chat import ChatPhraser
from semore_gym.vlm.local import LocalChat


class QwenPhraser(ChatPhraser):
    """Asks a model on this machine, by default Semore's Qwen2-VL-7B-Instruct.

    Args:
        model: A hub's name or a folder: Qwen2-VL, Qwen2.5-VL, Qwen3-VL, or another chat model for images and
            text that transformers has.
        prompt: See `ChatPhraser`.
        limit: Most phrases of a frame.
        max_words: Most words of a phrase.
        **settings: Further arguments of `LocalChat`: revision, device, dtype, quantization, batch_size, ...

    Raises:
        ModuleNotFoundError: If transformers is missing.
        FileNotFoundError: If the weights are not there; the message says how to get them.
        ValueError: If an argument is out of range.

    Example:
        >>> phraser = QwenPhraser("Qwen/Qwen2-VL-2B-Instruct", prompt="highway")  # doctest: +SKIP
        >>> phraser(frames)  # doctest: +SKIP
        [('red car ahead', 'truck in the left lane')]
    """

    def __init__(
        self,
        model: str = "Qwen/Qwen2-VL-7B-Instruct",
        prompt: str = "default",
        limit: int = 6,
        max_words: int = 12,
        **settings: Any,
    ) -> None:
        super().__init__(LocalChat(model, **settings), prompt, limit, max_words)
