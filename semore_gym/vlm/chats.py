"""Chat models by name, and what asks one, made together with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from semore_gym.registry import Registry
from semore_gym.utils.signatures import check_names, keywords
from semore_gym.vlm.base import Chat

T = TypeVar("T")

CHATS: Registry[Chat] = Registry(
    "chat",
    {
        "endpoint": "semore_gym.vlm.endpoint:EndpointChat",
        "vlm": "semore_gym.vlm.local:LocalChat",
    },
)


@dataclass(frozen=True)
class Asking(Generic[T]):
    """Makes what asks a chat model, together with the model, from the keywords of both.

    Args:
        kind: Class whose first argument, `chat`, is a `Chat`.
        chat: Name of the model's class in `CHATS`.
        usual: Keywords that count where others are not given.

    Example:
        >>> from semore_gym.masks.phrasers import PHRASERS
        >>> phraser = PHRASERS.load("endpoint")(model="qwen2.5vl:7b", base_url="http://127.0.0.1:11434/v1")
    """

    kind: type[T]
    chat: str
    usual: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, **options: Any) -> T:
        """Make both; a keyword that both have goes to both.

        Raises:
            ValueError: If a keyword is unknown, or its value out of range.
        """
        check_names(f"options of {self.chat}", options, self.keywords)
        kind, options = CHATS.load(self.chat), {**self.usual, **options}
        chat = kind(**_picked(options, keywords(kind)))
        return self.kind(**{"chat": chat, **_picked(options, keywords(self.kind))})

    @property
    def keywords(self) -> list[str]:
        """Names of the keywords."""
        own = [name for name in keywords(self.kind) if name != "chat"]
        return list(dict.fromkeys(["model", *own, *keywords(CHATS.load(self.chat))]))


def _picked(options: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: options[name] for name in names if name in options}
