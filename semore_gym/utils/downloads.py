"""Asking Hugging Face's hub, without a line for each of its attempts."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

logger = logging.getLogger(__name__)


@contextmanager
def asking_hub(name: str) -> Iterator[None]:
    """Say once what is looked for, and leave out the hub's own lines about its attempts.

    A machine without a network learns from the error at their end, half a minute later.

    Args:
        name: A hub's name, `"owner/name"`.
    """
    from huggingface_hub.utils import logging as hub_logging

    _announce(name)
    before = hub_logging.get_verbosity()
    hub_logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        hub_logging.set_verbosity(before)


@cache
def _announce(name: str) -> None:
    logger.info("looking for %s in the hub's cache and on the hub", name)
