"""A chat model behind an OpenAI-compatible endpoint: vLLM, Ollama, or a service."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from semore_gym.vlm.base import Picture, check_positive, enlarged
from semore_gym.vlm.reply import MOST_BYTES, reply_text

FIXED = {"messages", "model", "stream"}  # fields of a request that have arguments of their own

log = logging.getLogger(__name__)


class EndpointChat:
    """Any server that speaks OpenAI's chat completions, one picture per request.

    A request that fails (no connection, a server's error, an unreadable reply) is made again as openai's
    client does it, after a wait that the server names or that doubles each time, until `retries` are used up
    or the batch's deadline comes: what is missing then is given up, its requests cancelled and its
    connections closed. A call returns within the deadline whatever the server does, and takes no more than
    1 MiB of any answer.

    Args:
        model: The model's name at the server.
        base_url: The server's address up to `/v1`; vLLM's is by default `"http://127.0.0.1:8000/v1"`,
            Ollama's `"http://127.0.0.1:11434/v1"`.
        key_variable: Environment variable that holds the key; servers of one's own need none.
        deadline: Time for a batch [s].
        concurrency: Most requests at once.
        retries: Most times that a request is made again.
        stream: Whether to ask for the answer in pieces; either form of a reply is understood.
        max_tokens: Longest answer, thoughts of a thinking model and all [tokens].
        enlarge: Whole factor by which pictures are enlarged first, see `enlarged`.
        extra: Further fields of each request; None leaves one out. For a server that refuses two of the usual
            ones, `{"max_tokens": None, "temperature": None, "max_completion_tokens": 2000}`.

    Raises:
        ModuleNotFoundError: If openai is missing.
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        model: str = "Qwen/Qwen2-VL-7B-Instruct",
        *,
        base_url: str = "http://127.0.0.1:8000/v1",
        key_variable: str = "OPENAI_API_KEY",
        deadline: float = 30.0,
        concurrency: int = 8,
        retries: int = 4,
        stream: bool = False,
        max_tokens: int = 96,
        enlarge: int = 4,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        check_positive(deadline=deadline, concurrency=concurrency, max_tokens=max_tokens, enlarge=enlarge)
        if retries < 0:
            raise ValueError(f"retries must be at least 0, got {retries!r}")
        if extra is not None and (not isinstance(extra, Mapping) or FIXED & extra.keys()):
            raise ValueError(f"extra must be a mapping without {', '.join(sorted(FIXED))}, got {extra!r}")
        if find_spec("openai") is None:
            raise ModuleNotFoundError('endpoints need openai: pip install "semore-gym[vlm]"', name="openai")
        self.model, self.base_url, self.key_variable = model, base_url, key_variable
        self.deadline, self.concurrency, self.retries = deadline, concurrency, retries
        self.stream, self.max_tokens, self.enlarge = stream, max_tokens, enlarge
        self.extra = dict(extra or {})
        further = f" {json.dumps(self.extra, sort_keys=True)}" if self.extra else ""
        self.identity = f"{base_url} {model} {max_tokens} x{enlarge}{further}"
        self._tally = Counter(asked=0, answered=0, failed=0, retries=0)
        self._seconds = 0.0

    def __call__(
        self, pictures: Sequence[Picture], prompts: Sequence[str], within: float | None = None
    ) -> list[str | None]:
        """Ask one question about each picture, all at once; None where no answer came in time."""
        import_module("openai")  # takes seconds, the first time
        began = time.perf_counter()
        deadline = began + (self.deadline if within is None else within)
        # in a thread of its own, since the caller's may be running an event loop already, as notebooks do
        with ThreadPoolExecutor(1) as thread:
            answers = thread.submit(asyncio.run, self._batch(pictures, prompts, deadline)).result()
        answered = sum(answer is not None for answer in answers)
        self._tally.update(asked=len(answers), answered=answered, failed=len(answers) - answered)
        self._seconds += time.perf_counter() - began
        return answers

    def counts(self) -> dict[str, float]:
        """`asked`, `answered`, `failed`, `retries` and `seconds` since this was made."""
        return {**self._tally, "seconds": self._seconds}

    async def _batch(
        self, pictures: Sequence[Picture], prompts: Sequence[str], deadline: float
    ) -> list[str | None]:
        import openai

        slots = asyncio.Semaphore(self.concurrency)
        left = max(0.0, deadline - time.perf_counter())
        hooks: dict[str, list[Any]] = {"request": [self._count], "response": [_read]}
        async with openai.AsyncOpenAI(
            api_key=os.environ.get(self.key_variable) or "none",
            base_url=self.base_url,
            max_retries=self.retries,
            timeout=left,
            http_client=openai.DefaultAsyncHttpxClient(event_hooks=hooks),
        ) as client:
            tasks = [
                asyncio.ensure_future(self._ask(client, slots, picture, prompt))
                for picture, prompt in zip(pictures, prompts, strict=True)
            ]
            if tasks:
                _, late = await asyncio.wait(tasks, timeout=left)
                for task in late:
                    task.cancel()
                await asyncio.gather(*late, return_exceptions=True)
        return [None if task.cancelled() else task.result() for task in tasks]

    async def _ask(self, client: Any, slots: asyncio.Semaphore, picture: Picture, prompt: str) -> str | None:
        import openai

        broken = [library.HTTPError for library in _http_libraries()]  # while an error's text was read
        failures: tuple[type[Exception], ...] = (openai.APIError, OSError, *broken)
        create = client.chat.completions.with_streaming_response.create
        async with slots:
            try:
                async with create(**self._request(picture, prompt)) as response:
                    text: str = response.http_response.extensions["text"]
                    return text
            except failures as error:
                reason = error.__cause__ or error
        log.warning("%s does not answer: %s: %.200s", self.base_url, type(reason).__name__, reason)
        return None

    async def _count(self, request: Any) -> None:
        self._tally["retries"] += request.headers.get("x-stainless-retry-count", "0") != "0"

    def _request(self, picture: Picture, prompt: str) -> dict[str, Any]:
        png = io.BytesIO()
        enlarged(picture, self.enlarge).save(png, "PNG", compress_level=1)
        url = f"data:image/png;base64,{base64.b64encode(png.getvalue()).decode()}"
        content = [
            {"type": "image_url", "image_url": {"url": url}},
            {"type": "text", "text": prompt},
        ]
        usual = {"max_tokens": self.max_tokens, "temperature": 0.0}
        return {
            "model": self.model,
            "messages": [{"role": "user", "content": content}],
            "stream": self.stream,
            **{name: value for name, value in usual.items() if name not in self.extra},
            "extra_body": {name: value for name, value in self.extra.items() if value is not None},
        }


async def _read(response: Any) -> None:
    """Read the text of a reply before openai's client sees it: what it raises here, the client asks again.

    Raises:
        DecodingError: httpx's, if the reply is not a chat completion, or too long.
    """
    if not response.is_success:
        return
    body = bytearray()
    try:
        async for piece in response.aiter_bytes():
            body += piece
            if len(body) > MOST_BYTES:
                raise ValueError(f"the reply is longer than {MOST_BYTES} bytes")
        response.extensions["text"] = reply_text(bytes(body))
    except ValueError as error:
        raise _http_libraries()[0].DecodingError(str(error)) from error


def _http_libraries() -> list[Any]:
    """What openai's client is built on: httpx up to a version, then httpx2."""
    return [import_module(name) for name in ("httpx2", "httpx") if find_spec(name)]
