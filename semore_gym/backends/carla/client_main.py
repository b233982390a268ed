"""The client's process, `python -m semore_gym.backends.carla.client_main PORT`; `ClientProcess` starts it."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
from multiprocessing.connection import Connection
from typing import Any

from semore_gym.backends.carla.channel import Failed, SharedPictures
from semore_gym.backends.carla.client import SECRET, SetupError

PR_SET_PDEATHSIG = 1  # of Linux's prctl


def main(port: int) -> None:
    """Connect back, then answer requests until the other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the environment's to answer
    if sys.platform == "linux":  # a client that hangs must not outlive a killed environment
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    connection = _connect(port)
    config, camera, path = connection.recv()
    pictures = SharedPictures(camera, path)
    if os.name == "posix":  # both have mapped it: without a name, nothing is left of it whoever is killed
        pictures.remove()
    session: Any = None
    while True:
        name, arguments = connection.recv()
        try:
            if session is None:
                from semore_gym.backends.carla.session import Session

                session = Session(config, camera, pictures)
            answer = getattr(session, name)(*arguments)
        except SetupError as error:
            answer = Failed(str(error), final=True)
        except (RuntimeError, OSError) as error:
            answer = Failed(f"{type(error).__name__}: {error}", final=False)
        except Exception as error:  # noqa: BLE001  the environment must hear of it: this process ends with it
            answer = Failed(f"{type(error).__name__}: {error}", final=True)
        connection.send(answer)


def _connect(port: int) -> Connection:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(os.environ.pop(SECRET).encode())
    return Connection(connection.detach())


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]))
    except (EOFError, ConnectionError):
        # the environment is gone; the library's threads would abort an ordinary exit
        os._exit(0)
