"""CARLA servers that outlive the command that started them: `semore carla`."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil

from semore_gym.backends.base import SimulatorError
from semore_gym.backends.carla.config import CarlaConfig
from semore_gym.backends.carla.server import CarlaServer, answers, end_guard
from semore_gym.utils.files import write_text
from semore_gym.utils.processes import find_process


@dataclass(frozen=True)
class ServerRecord:
    """What is remembered of a server that was started."""

    port: int
    """The server's RPC port."""
    pid: int
    """The process id of the server's guard."""
    created: float
    """When the guard's process began [s since 1970]: process ids are used again."""
    server: str
    """What was started: a path, or "docker"."""
    log: str
    """Where the server's output goes."""

    def guard(self) -> psutil.Process | None:
        """Its guard's process; None where it has ended."""
        return find_process(self.pid, self.created)

    def state(self) -> str:
        """What it does, in words."""
        if self.guard() is None:
            return f"ended, see {self.log}"
        if not answers(self.port):
            return f"runs and does not answer, see {self.log}"
        return f"answers at 127.0.0.1:{self.port}"


def start_server(config: CarlaConfig) -> ServerRecord:
    """Start a server on `config.port` that goes on when this process ends, and wait until it answers.

    Args:
        config: With `server`; its output goes into the cache folder.

    Raises:
        ValueError: If `config` does not say which server.
        SimulatorError: As `CarlaServer.start` does.
    """
    if config.server is None:
        raise ValueError('config.server must be "docker" or the path of CarlaUE4.sh, got None')
    config = replace(config, log=str(cache_folder() / f"{config.port}.log"))
    server = CarlaServer(config, attached=False, port=config.port)
    server.start()
    assert server.pid is not None
    created = psutil.Process(server.pid).create_time()
    record = ServerRecord(config.port, server.pid, created, str(config.server), config.log)
    write_text(_file(config.port), json.dumps(asdict(record)))
    return record


def stop_servers(port: int | None = None) -> list[ServerRecord]:
    """End the servers that `start_server` started.

    Args:
        port: Of the only one to end; None ends all.

    Returns:
        Those that were known; they are forgotten.

    Raises:
        SimulatorError: If none is known at `port`.
    """
    found = [record for record in known_servers() if port in (None, record.port)]
    if not found and port is not None:
        raise SimulatorError(f"no server was started at port {port}: see `semore carla status`")
    for record in found:
        guard = record.guard()
        if guard is not None:
            end_guard(guard)
        _file(record.port).unlink()
    return found


def known_servers() -> list[ServerRecord]:
    """The servers that were started and not stopped, by port; some may have ended by themselves."""
    files = sorted(cache_folder().glob("[!.]*.json"), key=lambda path: int(path.stem))
    return [ServerRecord(**json.loads(path.read_text())) for path in files]


def cache_folder() -> Path:
    """Where records and logs are: semore-gym/carla in the user's cache folder, made if it is not there."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base) / "semore-gym" / "carla"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _file(port: int) -> Path:
    return cache_folder() / f"{port}.json"
