"""`semore carla`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rich.console import Console
from tyro.conf import Positional

from semore_gym.backends.carla.config import CarlaConfig
from semore_gym.cli.command import Command, asked


@dataclass(frozen=True)
class Carla(Command):
    """Start a CARLA server that goes on by itself, stop it, or list those that were started so."""

    action: Positional[Literal["start", "stop", "status"]]
    """What to do."""
    server: str = "docker"
    """What start starts: the path of CarlaUE4.sh, or docker for CARLA's own image."""
    port: int | None = None
    """Port of the server to start or stop; None starts on 2000 and stops all."""
    gpu: int | None = None
    """Which GPU draws; None is the driver's choice."""
    quality: Literal["Epic", "Low"] = "Epic"
    """How well the server draws."""

    def run(self, console: Console) -> int:
        """Start, stop or list, and say what came of it."""
        with asked():
            for line in self._start() if self.action == "start" else self._stop_or_list():
                console.print(line, markup=False)
        return 0

    def _start(self) -> list[str]:
        from semore_gym.backends.carla.kept_servers import start_server

        port = 2000 if self.port is None else self.port
        record = start_server(CarlaConfig(port=port, server=self.server, gpu=self.gpu, quality=self.quality))
        return [
            f"CARLA {record.state()}, its output is in {record.log}",
            f"use it with: semore train --carla port={port}; end it with: semore carla stop",
        ]

    def _stop_or_list(self) -> list[str]:
        from semore_gym.backends.carla.kept_servers import known_servers, stop_servers

        if self.action == "stop":
            said = [f"the server at port {record.port} is stopped" for record in stop_servers(self.port)]
        else:
            said = [f"{record.port}: {record.server} {record.state()}" for record in known_servers()]
        return said or ["no server was started here"]
