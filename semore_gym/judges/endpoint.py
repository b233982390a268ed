"""A vision-language model behind an endpoint as judge."""

from __future__ import annotations

from typing import Any

from semore_gym.judges.chat import ChatJudge
from semore_gym.vlm.endpoint import EndpointChat


class EndpointJudge(ChatJudge):
    """Asks a model at an OpenAI-compatible server, in a thread while training goes on.

    Args:
        model: The model's name at the server.
        prompt: See `ChatJudge`.
        batch_size: Most questions at once.
        patience: Most steps that a question waits for others.
        deadline: Time after which a question that was handed over is given up [s].
        **settings: Further arguments of `EndpointChat`: base_url, concurrency, retries, ...

    Raises:
        ModuleNotFoundError: If openai is missing.
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        model: str = "Qwen/Qwen2-VL-7B-Instruct",
        prompt: str = "judge",
        batch_size: int = 16,
        patience: int = 64,
        deadline: float = 30.0,
        **settings: Any,
    ) -> None:
        chat = EndpointChat(model, **{"max_tokens": 8, **settings})
        super().__init__(chat, prompt, batch_size, patience, deadline)
