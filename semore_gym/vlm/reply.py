"""The text in a server's reply."""

from __future__ import annotations

import json
from typing import Any

MOST_BYTES = 1 << 20  # of a reply; an answer has some hundreds


def reply_text(body: bytes) -> str:
    """Read a chat completion, in one piece or as server-sent events, whichever the server chose.

    Args:
        body: What the server sent.

    Returns:
        The first choice's text.

    Raises:
        ValueError: If it is not a chat completion.
    """
    text = body.decode("utf-8", "replace").lstrip()
    if not text.startswith(("data:", "event:", "id:", "retry:", ":")):
        return _content(_parsed(text), "message")
    lines = (line.removeprefix("data:").strip() for line in text.splitlines() if line.startswith("data:"))
    pieces = [_content(event, "delta") for line in lines if line != "[DONE]" if (event := _parsed(line))]
    if not pieces:
        raise ValueError("the stream has no text")
    return "".join(pieces)


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
        content = reply["choices"][0][key].get("content")
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"the reply is no chat completion: {str(reply)[:200]}") from error
    if content is None and key == "delta":
        return ""
    if not isinstance(content, str):
        raise ValueError(f"the reply's content must be a string, got {str(content)[:200]!r}")
    return content
