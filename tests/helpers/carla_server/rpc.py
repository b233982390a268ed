"""CARLA's remote calls: msgpack-rpc as rpclib speaks it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgpack

Handler = Callable[..., Any]


class RefusedError(Exception):
    """What a call is answered with instead of a value."""


class RpcServer:
    """Answers calls on any number of connections, one after the other.

    Args:
        queries: Calls that return something, by name.
        commands: Calls that return nothing.
        bare: Calls whose result goes out without the variant that wraps those of the others.
        before: Awaited with each call's name before it is answered; an error drops the connection.
    """

    def __init__(
        self,
        queries: Mapping[str, Handler],
        commands: Mapping[str, Handler],
        bare: Mapping[str, Handler],
        before: Callable[[str], Awaitable[None]],
    ) -> None:
        self._handlers = {**queries, **commands, **bare}
        self._commands, self._bare = set(commands), set(bare)
        self._before = before

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection until it ends."""
        unpacker = msgpack.Unpacker(raw=False, max_buffer_size=2**28)
        try:
            while data := await reader.read(2**16):
                unpacker.feed(data)
                for _, number, name, arguments in unpacker:
                    await self._before(name)
                    writer.write(self._answer(number, name, arguments[1:]))  # the first is metadata
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    def _answer(self, number: int, name: str, arguments: list[Any]) -> bytes:
        if name not in self._handlers:
            print(f"unknown call {name}{tuple(arguments)}", flush=True)
            return _pack([1, number, f"unknown call {name}", None])
        try:
            result = self._handlers[name](*arguments)
        except RefusedError as refusal:
            return _pack([1, number, None, [[True if name in self._commands else 0, [str(refusal)]]]])
        if name in self._bare:
            return _pack([1, number, None, result])
        return _pack([1, number, None, [[False]] if name in self._commands else [[1, result]]])


def _pack(message: Any) -> bytes:
    packed: bytes = msgpack.packb(message, use_bin_type=True)
    return packed
