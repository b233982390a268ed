"""How a chat model is asked for phrases: as the segmenter that gets them understands them best."""

from __future__ import annotations

import json
from typing import NamedTuple

from semore_gym.masks.phrasers.base import Phrases
from semore_gym.masks.segmenters.base import Phrasing

PLACE = "{phrasing}"  # of the request in a prompt
REQUEST = """Answer with a JSON list of phrases and nothing else, the most important first, at most six. \
{form}

Two examples of the format, from other pictures: [] where nothing matters, and {example}"""


class _Style(NamedTuple):
    form: str
    example: Phrases  # of things that no road has, so that a copied one is noticed


STYLES: dict[Phrasing, _Style] = {
    "noun": _Style(
        "Each phrase is a noun phrase of one to three words that names one kind of thing that can be seen, "
        "and says neither where it is nor what it does.",
        ("grand piano", "blue kite"),
    ),
    "referring": _Style(
        "Each phrase is a referring expression: it names one thing that can be seen and says which of those "
        "alike it is, by its colour, its side, its lane, its brightness or its distance.",
        ("the grand piano on the left", "the nearest blue kite"),
    ),
}


def with_request(prompt: str, phrasing: Phrasing) -> tuple[str, Phrases]:
    """Put the request for phrases where a prompt has a place for it.

    Args:
        prompt: With `{phrasing}` in it once, or not: then it stays as it is.
        phrasing: How the phrases are to be.

    Returns:
        The whole prompt, and the phrases of its example; () of one that stays as it is.

    Raises:
        ValueError: If there is no such phrasing.
    """
    if phrasing not in STYLES:
        raise ValueError(f"phrasing must be one of {', '.join(STYLES)}, got {phrasing!r}")
    if PLACE not in prompt:
        return prompt, ()
    style = STYLES[phrasing]
    request = REQUEST.format(form=style.form, example=json.dumps(style.example))
    return prompt.replace(PLACE, request), style.example
