"""The process in which the CARLA client library runs, seen from outside.

The library can hang while it holds the interpreter's lock, and end its process. So it has one of its own,
which may be killed at any time.
"""

from __future__ import annotations

import math
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from semore_gym.backends.base import CameraConfig, SimulatorError
from semore_gym.backends.carla.channel import Failed, SharedPictures
from semore_gym.backends.carla.config import CarlaConfig

START_TIMEOUT = 30.0  # for python to start and connect back [s]
LOOK_EVERY = 0.1  # at the server's process, while an answer is missing [s]
SECRET = "SEMORE_CARLA_SECRET"
SECRET_BYTES = 32


class SetupError(SimulatorError):
    """The simulator cannot be used as it is; trying again is of no use."""


class ClientProcess:
    """A client process and the connection to it.

    Args:
        config: Where the server is.
        camera: The roof camera.
        served: Whether the server's process still runs, where that is known: nobody waits for an answer then.

    Raises:
        SimulatorError: If the process does not start.
    """

    def __init__(
        self, config: CarlaConfig, camera: CameraConfig, served: Callable[[], bool] = lambda: True
    ) -> None:
        self._served = served
        self.pictures = SharedPictures(camera)
        secret = secrets.token_hex(SECRET_BYTES)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            self._process = subprocess.Popen(
                [sys.executable, "-m", "semore_gym.backends.carla.client_main", str(port)],
                env={**os.environ, SECRET: secret},
                stdin=subprocess.DEVNULL,
            )
            try:
                self._connection = self._accept(listener, secret)
            except SimulatorError:
                self._end()
                raise
        self._connection.send((config, camera, self.pictures.path))

    def request(self, name: str, *arguments: Any, timeout: float) -> Any:
        """Ask the client to do something.

        Args:
            name: A method of its session.
            *arguments: What it is called with.
            timeout: How long it may take [s].

        Raises:
            SimulatorError: If it fails, takes too long or is gone. The process is ended then.
        """
        try:
            self._connection.send((name, arguments))
            self._wait(name, timeout)
            answer = self._connection.recv()
        except (EOFError, OSError) as error:
            self._end()
            raise SimulatorError(f"the CARLA client died in {name!r} (exit {self.exit_code})") from error
        except SimulatorError:
            self._end()
            raise
        if isinstance(answer, Failed):
            self._end()
            raise (SetupError if answer.final else SimulatorError)(answer.reason)
        return answer

    def _wait(self, name: str, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while not self._connection.poll(min(LOOK_EVERY, max(deadline - time.monotonic(), 0.0))):
            if not self._served():
                raise SimulatorError(f"the CARLA server ended before {name!r} was answered")
            if time.monotonic() >= deadline:
                raise SimulatorError(f"the CARLA client did not answer {name!r} within {timeout:g} s")

    @property
    def exit_code(self) -> int | None:
        """How the process ended, minus the signal's number if by one; None while it runs."""
        return self._process.poll()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def close(self, timeout: float) -> None:
        """Let the client put its server in order, for at most `timeout` seconds, and end it."""
        if self.exit_code is None:
            try:
                self.request("close", timeout=timeout)
            except SimulatorError:
                return  # it is ended already
        self._end()

    def _accept(self, listener: socket.socket, secret: str) -> Connection:
        listener.settimeout(0.1)
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline:
            if self.exit_code is not None:
                raise SimulatorError(f"the CARLA client did not start (exit {self.exit_code})")
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            connection.settimeout(START_TIMEOUT)
            given = connection.recv(2 * SECRET_BYTES, socket.MSG_WAITALL)
            connection.settimeout(None)
            if secrets.compare_digest(given, secret.encode()):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return Connection(connection.detach())
            connection.close()
        raise SimulatorError(f"the CARLA client did not start within {START_TIMEOUT:g} s")

    def _end(self) -> None:
        """Kill what is left of the process, and wait for it."""
        self._process.kill()
        self._process.wait()
        self.pictures.remove()
        if hasattr(self, "_connection"):
            self._connection.close()


def greeting(config: CarlaConfig, served: Callable[[], bool] = lambda: True, limit: float = math.inf) -> str:
    """Ask a server what it is.

    Args:
        config: Where the server is.
        served: As `ClientProcess` has it.
        limit: How long it may take, if less than three times `config.timeout` [s].

    Raises:
        SimulatorError: If it does not answer, or is of another version than the client.
    """
    client = ClientProcess(config, CameraConfig(), served)
    said: str = client.request("greeting", timeout=min(3 * config.timeout, limit))
    client.close(config.timeout)
    return said
