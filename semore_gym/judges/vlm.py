"""A vision-language model on this machine as judge."""

from __future__ import annotations

from typing import Any

from semore_gym.judges.chat import ChatJudge
from semore_gym.vlm.local import LocalChat


class VLMJudge(ChatJudge):
    """Asks a model on this machine, by default Semore's Qwen2-VL-7B-Instruct; training waits meanwhile.

    Args:
        model: A hub's name or a folder.
        prompt: See `ChatJudge`.
        batch_size: Most questions at once.
        patience: Most steps that a question waits for others.
        **settings: Further arguments of `LocalChat`: revision, device, dtype, quantization, ...

    Raises:
        ModuleNotFoundError: If transformers is missing.
        FileNotFoundError: If the weights are not there; the message says how to get them.
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        model: str = "Qwen/Qwen2-VL-7B-Instruct",
        prompt: str = "judge",
        batch_size: int = 16,
        patience: int = 64,
        **settings: Any,
    ) -> None:
        chat = LocalChat(model, batch_size=batch_size, **{"max_new_tokens": 8, **settings})
        super().__init__(chat, prompt, batch_size, patience)
