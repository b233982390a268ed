"""CARLA servers of one's own: started, watched, started again, and ended for certain."""

from __future__ import annotations

import logging
import secrets
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import replace
from importlib.util import find_spec

import psutil

from semore_gym.backends.base import SimulatorError
from semore_gym.backends.carla.client import SetupError, greeting
from semore_gym.backends.carla.config import CarlaConfig
from semore_gym.utils.files import expanded

logger = logging.getLogger(__name__)

IMAGE = "carlasim/carla:0.9.16"
PORTS = 3  # that a server takes, in a row
POOL = range(10_000, 32_000, PORTS)  # where free ones are looked for
END_TIMEOUT = 30.0  # for the guard to end everything [s]
SHOWN_LINES = 5  # of the output of a server that does not start
GIB = 2**30


class CarlaServer:
    """One server process on free ports, under a guard that ends it with this process.

    Args:
        config: Which server (`config.server`) and how.
        attached: Whether the server ends when this process does.
        port: Its RPC port; None finds a free one with free neighbours.
    """

    def __init__(self, config: CarlaConfig, attached: bool = True, port: int | None = None) -> None:
        self._config = config
        self._attached = attached
        self.port = port
        self._guard: subprocess.Popen[bytes] | None = None
        self._log_began = 0  # where in the log its output begins [bytes]

    @property
    def pid(self) -> int | None:
        """Process id of its guard; None where none runs."""
        return self._guard.pid if self._guard is not None and self.is_alive() else None

    def is_alive(self) -> bool:
        """Whether its process runs."""
        return self._guard is not None and self._guard.poll() is None

    def start(self) -> int:
        """Start it and wait until it answers.

        Returns:
            Its RPC port.

        Raises:
            SetupError: If there is no such program, the wanted port is taken, or its version is another.
            SimulatorError: If it ends or does not answer in time.
        """
        self.stop()
        if self.port is not None and not _are_free(self.port):
            raise SetupError(f"ports {self.port} to {self.port + PORTS - 1} must be free, and are not")
        port = self.port or free_ports()
        command, cleanup = self._command(port)
        words = [sys.executable, "-m", "semore_gym.backends.carla.guard", str(int(self._attached))]
        with expanded(self._config.log).open("ab") as log:
            self._log_began = log.tell()
            self._guard = subprocess.Popen(
                [*words, *cleanup, "--", *command],
                stdin=subprocess.PIPE if self._attached else subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._wait(port)
        logger.info("a CARLA server listens on port %d, its output is in %s", port, self._config.log)
        return port

    def stop(self) -> None:
        """End it and all its processes; may be called when none runs."""
        if self._guard is None:
            return
        if self.is_alive():
            end_guard(psutil.Process(self._guard.pid))
        self._guard.wait()
        if self._guard.stdin is not None:
            self._guard.stdin.close()
        self._guard = None

    def memory(self) -> float:
        """What its processes hold [GiB]."""
        if self._guard is None or not self.is_alive():
            return 0.0
        total = 0
        for process in psutil.Process(self._guard.pid).children(recursive=True):
            try:
                total += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        return total / GIB

    def _wait(self, port: int) -> None:
        """Wait until a client gets hold of its world: the port is open long before, docker's at once."""
        deadline = time.monotonic() + self._config.start_timeout
        while (left := deadline - time.monotonic()) > 0.0:
            if not self.is_alive():
                assert self._guard is not None
                code = self._guard.returncode
                raise SimulatorError(f"the CARLA server ended at its start (exit {code}): {self._output()}")
            if answers(port) and self._greets(port, left):
                return
            time.sleep(0.1)
        self.stop()
        raise SimulatorError(
            f"the CARLA server did not answer within {self._config.start_timeout:g} s: {self._output()}"
        )

    def _greets(self, port: int, limit: float) -> bool:
        """Whether it tells a client its version and its map within `limit` [s]."""
        if find_spec("carla") is None:
            logger.warning("the carla package is not installed: an open port is taken as the server's answer")
            return True
        timeout = min(self._config.timeout, limit)
        try:
            greeting(
                replace(self._config, host="127.0.0.1", port=port, timeout=timeout), self.is_alive, limit
            )
        except SetupError:
            self.stop()
            raise
        except SimulatorError as error:
            logger.debug("the CARLA server is not ready: %s", error)
            return False
        return True

    def _output(self) -> str:
        """Where its output is, and how that ends."""
        with expanded(self._config.log).open("rb") as log:
            log.seek(self._log_began)
            lines = log.read().decode(errors="replace").splitlines()
        return (
            f"see {self._config.log}"
            + (", which ends:" if lines else "")
            + "".join(f"\n  {line}" for line in lines[-SHOWN_LINES:])
        )

    def _command(self, port: int) -> tuple[list[str], list[str]]:
        """What starts the server, and what has to be run after its end."""
        options = [
            "-RenderOffScreen",
            "-nosound",
            f"-quality-level={self._config.quality}",
            f"-carla-rpc-port={port}",
        ]
        if self._config.server == "docker":
            return self._docker_command(port, options)
        program = _program(self._config.server or "")
        graphics = [] if self._config.gpu is None else [f"-graphicsadapter={self._config.gpu}"]
        return [program, *options, *graphics], []

    def _docker_command(self, port: int, options: list[str]) -> tuple[list[str], list[str]]:
        docker = shutil.which("docker")
        if docker is None:
            raise SetupError("server is 'docker', and there is no docker on this machine")
        name = f"semore-carla-{port}"
        ports = f"{port}-{port + PORTS - 1}"
        gpus = "all" if self._config.gpu is None else f"device={self._config.gpu}"
        run = [docker, "run", "--rm", "--name", name, "--gpus", gpus, "-p", f"127.0.0.1:{ports}:{ports}"]
        # the last is taken over from here, if it is set
        variables = ["NVIDIA_DRIVER_CAPABILITIES=all", "SDL_VIDEODRIVER=offscreen", "VK_ICD_FILENAMES"]
        environment = [word for variable in variables for word in ("-e", variable)]
        return [*run, *environment, IMAGE, "bash", "CarlaUE4.sh", *options], [docker, "rm", "-f", name]


def _program(server: str) -> str:
    """The path of a program, which may be in PATH."""
    path = expanded(server)
    found = shutil.which(path) or shutil.which(path.absolute())
    if found is not None:
        return found
    if path.is_file():
        wrong = f"{path} is not executable: chmod +x {path}"
    else:
        wrong = f"{path} is a folder" if path.is_dir() else f"there is no {server!r}"
    raise SetupError(f"server must be the path of CarlaUE4.sh or 'docker'; {wrong}")


def end_guard(guard: psutil.Process) -> None:
    """End a server and all its processes through its guard, and without it where that does not work."""
    processes = [guard, *guard.children(recursive=True)]
    guard.terminate()
    try:
        guard.wait(END_TIMEOUT)
    except psutil.TimeoutExpired:
        for process in processes:
            process.kill()


def answers(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody listens on a port."""
    try:
        socket.create_connection((host, port), 1.0).close()
    except OSError:
        return False
    return True


def free_ports() -> int:
    """The first of three free ports in a row, of this machine.

    They lie below those that the system gives to outgoing connections, one of which might take them before
    the server does. Drawn at random, since several environments look at the same time.

    Raises:
        SimulatorError: If none are found.
    """
    for _ in range(100):
        port = secrets.choice(POOL)
        if _are_free(port):
            return port
    raise SimulatorError("no three free ports in a row were found")


def _are_free(port: int) -> bool:
    return all(_is_free(port + i) for i in range(PORTS))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that has just ended is no bar
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
