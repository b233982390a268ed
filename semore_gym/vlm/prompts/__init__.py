"""What models are asked, as text files of this folder."""

from __future__ import annotations

from hashlib import sha256
from importlib.resources import files


def load_prompt(prompt: str) -> str:
    """Text of a prompt.

    Args:
        prompt: Name of a file of this folder without its ending (`"default"`, `"highway"`, `"jaywalk"`,
            `"highbeam"`, `"judge"`), or, with white space in it, the text itself.

    Raises:
        ValueError: If it is one word and no such file.
    """
    if len(prompt.split()) > 1:
        return prompt.strip()
    texts = {
        path.name.removesuffix(".txt"): path
        for path in files(__name__).iterdir()
        if path.name.endswith(".txt")
    }
    if prompt not in texts:
        raise ValueError(
            f"prompt must be one of {', '.join(sorted(texts))}, or a text of several words, got {prompt!r}"
        )
    return texts[prompt].read_text("utf-8").strip()


def digest(prompt: str) -> str:
    """First 16 digits of the SHA-256 of a prompt's text."""
    return sha256(prompt.encode()).hexdigest()[:16]
