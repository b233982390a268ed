"""Phrasers: what says, in a few words, what matters in a frame, by name."""

from __future__ import annotations

from semore_gym.masks.phrasers.base import Phraser, Phrases
from semore_gym.masks.phrasers.fixed import FixedPhrases
from semore_gym.registry import Registry

PHRASERS: Registry[Phraser] = Registry(
    "phraser",
    {
        "endpoint": "semore_gym.masks.phrasers.chat:ENDPOINT",
        "fixed": "semore_gym.masks.phrasers.fixed:FixedPhrases",
        "qwen": "semore_gym.masks.phrasers.chat:LOCAL",
    },
)

__all__ = ["PHRASERS", "FixedPhrases", "Phraser", "Phrases"]
