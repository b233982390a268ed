"""How to reach a CARLA server."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

from semore_gym.config import check_types
from semore_gym.utils.signatures import check_names

CARLA_VARIABLE = "SEMORE_CARLA"
DT = 0.05  # duration of a tick [s]
PORT_STRIDE = 10  # between servers that several environments expect on one machine


@dataclass(frozen=True)
class CarlaConfig:
    """Where a CARLA server listens, and how long to wait for it."""

    host: str = "127.0.0.1"
    """Address of the server."""
    port: int = 2000
    """The server's RPC port; streams use the next one."""
    timeout: float = 10.0
    """How long one answer of the server, or one tick, may take before client and episode are given up [s]."""
    load_timeout: float = 60.0
    """How long connecting and placing everybody may take, a map's loading included [s]."""
    attempts: int = 3
    """After how many failures in a row, without 100 ticks between them, the environment gives up; where a
    server has served and is gone, `timeout` passes from one attempt to the next."""
    server: str | None = None
    """Start a server of one's own, on a free port: the path of CarlaUE4.sh, or "docker". None expects one at
    `host` and `port`."""
    gpu: int | None = None
    """Which GPU draws, for a server of one's own; None is the driver's choice."""
    quality: Literal["Epic", "Low"] = "Epic"
    """How well a server of one's own draws."""
    start_timeout: float = 120.0
    """How long a server of one's own may take from its start until a client gets hold of its world [s]."""
    recycle_episodes: int = 200
    """After how many episodes a server of one's own is started anew: CARLA's memory grows."""
    recycle_memory: float = 16.0
    """How much its processes may hold before it is started anew [GiB]; not seen from outside a container."""
    log: str = "carla-server.log"
    """The file to which what a server of one's own prints is appended, by several servers too."""

    def __post_init__(self) -> None:
        check_types(self)
        if not 0 < self.port < 65535:
            raise ValueError(f"port must be from 1 to 65534, got {self.port!r}")
        for name in (
            "timeout",
            "load_timeout",
            "attempts",
            "start_timeout",
            "recycle_episodes",
            "recycle_memory",
        ):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)!r}")

    @classmethod
    def from_environment(cls, **changes: Any) -> CarlaConfig:
        """Read host and port from the variable SEMORE_CARLA, "host:port"; the defaults where it is not set.

        Args:
            **changes: Fields that are as given here.

        Raises:
            ValueError: If the variable is set to something else, or a field is unknown or of another type.
        """
        check_names("fields of carla", changes, [item.name for item in fields(cls)])
        value = os.environ.get(CARLA_VARIABLE)
        return replace(cls.from_address(value) if value else cls(), **changes)

    @classmethod
    def from_address(cls, address: str) -> CarlaConfig:
        """Read "host:port".

        Raises:
            ValueError: If it is something else.
        """
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal():
            raise ValueError(
                f"a CARLA address must be host:port, for example 127.0.0.1:2000, got {address!r}"
            )
        return cls(host=host, port=int(port))

    def of_environment(self, index: int) -> CarlaConfig:
        """Where the environment of this number drives, if there are several; from 0.

        A server of one's own is on a free port anyway; of those that run, each has ports of its own.
        """
        return self if self.server else replace(self, port=self.port + PORT_STRIDE * index)
