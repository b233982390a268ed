"""Phrases out of what a model wrote, whatever it wrote."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from semore_gym.masks.phrasers.base import Phrases, distinct

LONGEST_ANSWER = 20_000  # characters that are looked at
LONGEST_PHRASE = 80  # characters
MOST_ITEMS = 200  # of a list that are looked at
MOST_STARTS = 8  # places where JSON is tried to begin
KEYS = ("phrases", "objects", "items", "answer", "phrase", "object", "label", "name")

OPENING = re.compile(r"[\[{]")
FENCE = re.compile(r"```[a-zA-Z]{0,10}")
BULLET = re.compile(r"^[ \t]{0,8}(?:[-*•]|\d{1,3}[.)])[ \t]{1,8}(\S.{0,200})$", re.MULTILINE)
QUOTED = re.compile(r"\"([^\"\n]{1,80})\"|“([^”\n]{1,80})”|`([^`\n]{1,80})`|(?<!\w)'([^'\n]{1,80})'(?!\w)")
ARTICLE = re.compile(r"^(?:a|an|the)\s+", re.IGNORECASE)
SENTENCE = re.compile(
    r"\b(?:I|I'm|is|are|was|can|cannot|can't|sorry|there|please)\b|[.!?]\s+\S", re.IGNORECASE
)
ODD = frozenset("<>|{}[]\\`=\ufffd")  # code, control tokens and broken text have them, names do not
DECORATED = re.compile(r"^\s*(\*{1,3}|_{1,3}|`)(?=\w)(.{1,200}?)\1(?!\w)")  # of Markdown: bold, italics, code
EXPLAINED = re.compile(r"\s+[-\u2013\u2014]+\s.*|:\s.*")  # what follows a name in a list
NOTHING = re.compile(
    r"none\b.*|n/a|null|empty|nobody|no one|nothing\b.*"
    r"|(?:no|not|zero|without|absence of|lack of)\s(?!.*\bsigns?$).*"  # but a "no parking sign" is something
    r"|(?:(?:empty|clear|free|open|deserted)\s)+(?:\w+\s)?(?:road|roadway|street|lane|highway|scene|view)s?\b.*",
    re.IGNORECASE,
)
NOTHING_SEEN = re.compile(
    r"(?:there(?:'s| is| are)|(?:I|we) (?:can )?see) (?:no|nothing|nobody|none)\b[^.!?\n]*[.!?]?",
    re.IGNORECASE,
)


def read_phrases(text: str, limit: int = 8, max_words: int = 12) -> Phrases | None:
    """Read the phrases in an answer, and tell one that says "nothing" from one that cannot be used.

    Takes, in this order: a JSON list or object, also in a code fence or amid prose; a list with bullets or
    numbers; names in quotes; a list with commas. Time and memory are bounded: only the first 20,000
    characters are looked at.

    Args:
        text: What the model wrote, of any length.
        limit: Most phrases; the first ones are kept.
        max_words: Most words of a phrase; a longer one, which is a sentence rather than a name, is left out.

    Returns:
        Phrases of at most 80 characters, without control characters and leading articles, none twice (upper
        and lower case are the same); () where the answer says that there is nothing; None where nothing in
        it can be used.

    Example:
        >>> read_phrases('Here you are: ["the red car", "A red car", "pedestrian on the left"]')
        ('red car', 'pedestrian on the left')
        >>> read_phrases("1. **Red car** - it is close")
        ('Red car',)
        >>> read_phrases('["no vehicles"]')
        ()
    """
    text = FENCE.sub("", text[:LONGEST_ANSWER]).strip()
    if NOTHING_SEEN.fullmatch(text):
        return ()
    for items in _readings(text):
        named = [tidied(item) for item in items[:MOST_ITEMS]]
        if phrases := distinct(name for name in named if _is_phrase(name, max_words)):
            return phrases[:limit]
        if all(NOTHING.fullmatch(name) for name in named):
            return ()
    return None


def tidied(phrase: str) -> str:
    """A phrase on one line, without control characters, brackets, quotes or a leading article around it."""
    printable = "".join(letter if letter.isprintable() else " " for letter in phrase[: 4 * LONGEST_PHRASE])
    return ARTICLE.sub("", " ".join(printable.split()).strip(" \"'`“”[](){}<>*_.,;:!?-"))


def _named(item: str) -> str:
    """What an item of a list names: its decorated beginning, or all before an explanation."""
    decorated = DECORATED.match(item)
    return decorated[2] if decorated else EXPLAINED.sub("", item)


def _is_phrase(name: str, max_words: int) -> bool:
    return (
        not NOTHING.fullmatch(name)
        and len(name) <= LONGEST_PHRASE
        and not ODD.intersection(name)
        and len(name.split()) <= max_words
        and any(letter.isalpha() for letter in name)
    )


def _readings(text: str) -> Iterator[list[str]]:
    """Lists that the text may be meant as, the most literal first."""
    yield from _json_lists(text)
    if bullets := BULLET.findall(text):
        yield [_named(item) for item in bullets]
    if quoted := [next(filter(None, groups)) for groups in QUOTED.findall(text)]:
        yield quoted
    if not SENTENCE.search(text):
        yield re.split(r"[,;\n]", text)


def _json_lists(text: str) -> Iterator[list[str]]:
    """The strings of each JSON value that begins somewhere in the text."""
    decoder = json.JSONDecoder()
    position = 0
    for _ in range(MOST_STARTS):
        start = OPENING.search(text, position)
        if start is None:
            return
        try:
            value, position = decoder.raw_decode(text, start.start())
        except (ValueError, RecursionError):  # not JSON, or nested without end
            position = start.end()
        else:
            yield list(_strings(value))


def _strings(value: Any) -> Iterator[str]:
    """The strings of a JSON value, in order; of an object only what stands under a number or a naming key."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            waiting.extend(reversed(value))
        elif isinstance(value, dict):
            known = [value[key] for key in KEYS if key in value]
            known = known or [item for key, item in value.items() if key.isdecimal()]
            waiting.extend(reversed(known or [item for item in value.values() if not isinstance(item, str)]))
        else:
            yield ""  # a number names nothing, but does not say "nothing" either
