"""Starting the tests' own CARLA server, `carla_server`, and killing it."""

import os
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgpack
import psutil
from rich.console import Console

from semore_gym.config import TrainConfig
from semore_gym.training.trainer import Trainer

MAIN = Path(__file__).parent / "carla_server" / "main.py"
TINY = TrainConfig(
    image_size=36,
    preset="light",
    backend="carla",
    max_ticks=80,
    steps=100,
    evaluate_every=60,
    evaluation_episodes=2,
    checkpoint_every=25,
    device="cpu",
    threads=1,
    exploration_noise=0.5,
    algo_options={"learning_starts": 20, "batch_size": 4},
)


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
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def ask(port: int, name: str) -> Any:
    """The answer of a server's call without arguments, not only of CARLA's."""
    answers = msgpack.Unpacker()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(msgpack.packb([0, 0, name, [[False]]]))
        while True:
            answers.feed(connection.recv(65536))
            for _, _, _, result in answers:
                return result[0][1]


def own_server(folder: Path, command: str = f"exec {sys.executable} {MAIN} $*") -> dict[str, Any]:
    """Fields of CarlaConfig that start the tests' server, as a program such as CarlaUE4.sh."""
    path = folder / "CarlaUE4.sh"
    path.write_text(f"#!/bin/sh\n{command}\n")
    path.chmod(0o755)
    return {"server": str(path), "log": str(folder / "server.log"), "timeout": 3, "start_timeout": 20}


def our_servers() -> Iterator[psutil.Process]:
    """The servers under guards of this process, not those that fixtures keep ready for other tests."""
    for process in psutil.Process().children(recursive=True):
        try:
            if process.cmdline()[1:2] == [str(MAIN)] and process.ppid() != os.getpid():
                yield process
        except psutil.Error:  # it has ended meanwhile
            continue


def guards(folder: Path) -> list[psutil.Process]:
    """Of the servers that `own_server` named, whoever their parents are now; each outlives its server."""
    program = str(folder / "CarlaUE4.sh")
    return [each for each in psutil.process_iter(["cmdline"]) if program in (each.info["cmdline"] or [])]


class Killer(threading.Thread):
    """Kills the server of a training by SIGKILL, once every few agent steps, whatever it is doing then.

    Args:
        trainer: Whose server.
        kills: How often.
        between: Agent steps from one to the next, on average.
    """

    def __init__(self, trainer: Trainer, kills: int, between: int) -> None:
        super().__init__(daemon=True)
        self.trainer, self.kills, self.between = trainer, kills, between
        self.killed = 0
        self.next: float = between
        self.random = random.Random(0)
        self.over = threading.Event()

    def run(self) -> None:
        while self.killed < self.kills and not self.over.wait(self.random.uniform(0.0, 0.1)):
            if self.trainer.agent_steps < self.next:
                continue
            for server in our_servers():  # none while the last one is replaced
                server.kill()
                self.killed += 1
                self.next = (self.killed + self.random.random()) * self.between


def train_under_fire(folder: Path, kills: int, between: int) -> tuple[Trainer, int]:
    """Train to the end of the budget, come what may; the trainer, and how often its server was killed."""
    config = replace(TINY, steps=(kills + 2) * between, carla={**own_server(folder), "attempts": 100})
    with Trainer.new(config, folder / "run", Console(quiet=True)) as trainer:
        killer = Killer(trainer, kills, between)
        killer.start()
        assert trainer.train()
        killer.over.set()
        killer.join()
    return trainer, killer.killed
