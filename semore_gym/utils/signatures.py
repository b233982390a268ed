"""What constructors take, and names that were given and are not among it."""

from __future__ import annotations

import inspect
from collections.abc import Collection
from difflib import get_close_matches
from typing import Any


def keywords(*kinds: type) -> dict[str, Any]:
    """Names and defaults of what the constructors of classes take, following **kwargs up to their bases.

    Args:
        kinds: A class, and those to which it hands further keywords on.
    """
    found: dict[str, Any] = {}
    for kind in kinds:
        for base in kind.__mro__:
            if "__init__" not in vars(base):
                continue
            _, *parameters = inspect.signature(vars(base)["__init__"]).parameters.values()  # self first
            for parameter in parameters:
                if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                    found.setdefault(parameter.name, parameter.default)
            if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
                break
    return found


def check_names(what: str, given: Collection[str], known: Collection[str]) -> None:
    """Refuse names that are not known.

    Args:
        what: What they name, in the plural.
        given: The names.
        known: Those that are known.

    Raises:
        ValueError: If there are any; the message lists them and the known ones, and suggests some of these.
    """
    unknown = sorted(set(given) - set(known))
    if unknown:
        meant = [name for each in unknown for name in get_close_matches(each, known, n=1)]
        hint = f"; did you mean {', '.join(meant)}?" if meant else ""
        raise ValueError(f"unknown {what}: {', '.join(unknown)}; known: {', '.join(known)}{hint}")
