"""Phrases from a vision-language model behind an endpoint."""

from __future__ import annotations

from typing import Any

from semore_gym.masks.phrasers.chat import ChatPhraser
from semore_gym.vlm.endpoint import EndpointChat


class EndpointPhraser(ChatPhraser):
    """Asks a model at an OpenAI-compatible server (vLLM, Ollama, a service) what matters in each frame.

    A call returns within the deadline: what was not answered by then has no phrases and is counted.

    Args:
        model: The model's name at the server.
        prompt: See `ChatPhraser`.
        limit: Most phrases of a frame.
        max_words: Most words of a phrase.
        **settings: Further arguments of `EndpointChat`: base_url, deadline, concurrency, retries, ...

    Raises:
        ModuleNotFoundError: If openai is missing.
        ValueError: If an argument is out of range.

    Example:
        >>> phraser = EndpointPhraser("qwen2.5vl:7b", base_url="http://127.0.0.1:11434/v1")  # doctest: +SKIP
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
        super().__init__(EndpointChat(model, **settings), prompt, limit, max_words)
