"""A CARLA server of our own, in its own process, for the real client library."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

MAIN = Path(__file__).parents[2] / "carla_server" / "main.py"


def free_port() -> int:
    """A port whose neighbours are free too: CARLA takes three in a row."""
    while True:
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
        try:
            for offset in range(3):
                with socket.socket() as neighbour:
                    neighbour.bind(("127.0.0.1", port + offset))
        except OSError:
            continue
        return port


class Server:
    """A running test server.

    Args:
        *options: Further words of its command line.
    """

    def __init__(self, *options: str) -> None:
        self.port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, str(MAIN), "--port", str(self.port), *options],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def kill(self) -> None:
        """End it by SIGKILL."""
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def carla_server() -> Iterator[Server]:
    """A server on a free port."""
    server = Server()
    yield server
    server.kill()
