"""CARLA's streams: a client connects, names a stream, and reads sized messages for ever."""

from __future__ import annotations

import asyncio
import itertools
import struct


class StreamServer:
    """Sends what is published on a stream to all who asked for it.

    Args:
        port: Where clients connect, written into every token.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._numbers = itertools.count(1)
        self._readers: dict[int, list[asyncio.StreamWriter]] = {}

    def token(self) -> bytes:
        """A new stream's token, 24 bytes."""
        number = next(self._numbers)
        self._readers[number] = []
        return self.token_of(number)

    def token_of(self, stream: int) -> bytes:
        """The token of a stream's number."""
        return struct.pack("<IHBB16x", stream, self._port, 1, 0)

    def listened(self, token: bytes) -> bool:
        """Whether anybody reads this stream."""
        return bool(self._readers.get(_number(token)))

    def publish(self, token: bytes, payload: bytes) -> None:
        """Send a message to those who read this stream now."""
        for writer in self._readers.get(_number(token), []):
            writer.write(struct.pack("<I", len(payload)) + payload)

    def drop(self, token: bytes) -> None:
        """Close a stream."""
        for writer in self._readers.pop(_number(token), []):
            writer.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take one reader on, until it goes away."""
        readers: list[asyncio.StreamWriter] = []
        try:
            readers = self._readers.setdefault(_number(await reader.readexactly(4)), [])
            readers.append(writer)
            await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            if writer in readers:
                readers.remove(writer)
            writer.close()


def _number(token: bytes) -> int:
    number: int = struct.unpack_from("<I", token)[0]
    return number
