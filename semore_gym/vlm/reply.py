"""The text in a server's reply."""

from __future__ import annotations

import json
from typing import Any

from semore_gym.vlm.thoughts import without_thoughts

MOST_BYTES = 1 << 20  # of a reply; an answer has some hundreds


def reply_text(body: bytes) -> str:
    """Read a chat completion, in one piece or as server-sent events, whichever the server chose.

    Args:
        body: What the server sent.

    Returns:
        The first choice's text, without a thinking model's thoughts; "" where it only thought.

    Raises:
        ValueError: If it is not a chat completion.
    """
    text = body.decode("utf-8", "replace").lstrip()
    if not text.startswith(("data:", "event:", "id:", "retry:", ":")):
        return without_thoughts(_content(_parsed(text), "message"))
    lines = (line.removeprefix("data:").strip() for line in text.splitlines() if line.startswith("data:"))
    pieces = [_content(event, "delta") for line in lines if line != "[DONE]" if (event := _parsed(line))]
    if not pieces:
        raise ValueError("the stream has no text")
    return without_thoughts("".join(pieces))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("the reply is nested too deeply") from error


def _content(reply: Any, key: str) -> str:
    """The text of a completion (`message`) or of one event of a stream (`delta`), which may have none."""
    try:
        if key == "delta" and reply["choices"] == []:  # the last event may tell only the usage
            return ""
        message = reply["choices"][0][key]
        content = message.get("content") if key == "delta" else message["content"]
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"the reply is no chat completion: {str(reply)[:200]}") from error
    if content is None:  # of a model that has not come to its answer
        return ""
    if isinstance(content, list):  # parts, of which some may be thoughts
        content = "".join(_part(part) for part in content)
    if not isinstance(content, str):
        raise ValueError(
            f"the reply's content must be a string or a list of parts, got {str(content)[:200]!r}"
        )
    return content


def _part(part: Any) -> str:
    """The text of one part of a message; "" where it is something else."""
    text = (
        part.get("text") if isinstance(part, dict) and part.get("type") in ("text", "output_text") else None
    )
    return text if isinstance(text, str) else ""
