"""CARLA as a Backend: requests to a client process that may be replaced at any time."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

from semore_gym.backends.base import (
    IMAGE_KINDS,
    CameraConfig,
    Control,
    Image,
    SimulatorError,
    Surroundings,
    Tick,
)
from semore_gym.backends.carla.client import ClientProcess, SetupError
from semore_gym.backends.carla.config import DT, CarlaConfig
from semore_gym.backends.carla.server import CarlaServer, answers
from semore_gym.scenarios.base import Episode

logger = logging.getLogger(__name__)

GRACE = 2.0  # that an answer may take beyond the client's own time-out [s]
PROOF = 100  # ticks after which a client counts as working


class CarlaBackend:
    """An ego on a CARLA server, through a client process of its own.

    A client that hangs or dies, or whose server does, costs the episode: `tick` and `image` raise
    SimulatorError, and the next `reset` begins with a new client. A server of one's own is started again
    where it has died, and where a new client did not help.

    Args:
        camera: The ego's roof camera; its `kinds` stand ready from the start.
        config: Where the server is; None means the variable SEMORE_CARLA, or port 2000 of this machine.

    Raises:
        ModuleNotFoundError: If the carla package is not installed.
        ValueError: If SEMORE_CARLA is not host:port.
    """

    name = "carla"
    dt = DT

    def __init__(self, camera: CameraConfig, config: CarlaConfig | None = None) -> None:
        if find_spec("carla") is None:
            raise ModuleNotFoundError(
                "the carla backend needs CARLA's Python client, for Python 3.10 - 3.12: "
                'pip install "semore-gym[carla]"',
                name="carla",
            )
        self._camera = camera
        self._config = config or CarlaConfig.from_environment()
        self._server = CarlaServer(self._config) if self._config.server is not None else None
        self._episodes = 0  # since the server was started
        self._client: ClientProcess | None = None
        self._failures = 0  # without `PROOF` ticks between them
        self._lost: SimulatorError | None = None  # the last of them, until an episode begins
        self._suspect = False  # whether the server is to be started anew
        self._ticks = 0  # since the last failure
        self._served = False  # whether there ever was one

    def reset(self, episode: Episode) -> Tick:
        """Place everything that `episode` lists, with a new client where the last one was lost.

        Raises:
            SimulatorError: After `CarlaConfig.attempts` failures in a row, or at once where trying again is
                of no use (no server, another version, a map without the scenario's road).
        """
        self._check_server()
        while self._failures < self._config.attempts:
            try:
                return self._place(episode)
            except SetupError as error:
                self._lose(error)
                raise
            except SimulatorError as error:
                self._lose(error)
                logger.warning("the CARLA server or its client failed: %s", error)
                if self._served and self._server is None and self._failures < self._config.attempts:
                    time.sleep(self._config.timeout)  # whoever watches over it may be starting it again
        self._failures = 0
        address, attempts = f"{self._config.host}:{self._config.port}", self._config.attempts
        raise SimulatorError(
            f"CARLA at {address} failed {attempts} times in a row, last: {self._lost}"
        ) from self._lost

    def tick(self, control: Control) -> Tick:
        """Apply `control` for one tick and report; see `Backend.tick`."""
        tick: Tick = self._request("tick", control)
        self._ticks += 1
        self._served = True
        if self._ticks >= PROOF:
            self._failures = 0
        return tick

    def image(self, kind: str) -> Image:
        """What is seen now; see `Backend.image`."""
        if kind not in IMAGE_KINDS:
            raise ValueError(f"unknown image kind {kind!r}; known: {', '.join(IMAGE_KINDS)}")
        self._request("image", kind)
        assert self._client is not None
        if kind not in self._camera.kinds:  # the next client has it from the start
            self._camera = replace(self._camera, kinds=(*self._camera.kinds, kind))
        return self._client.pictures.read(kind)

    def surroundings(self) -> Surroundings:
        """Where the road goes and where everybody is; see `Backend.surroundings`."""
        around: Surroundings = self._request("surroundings")
        return around

    def scripted_control(self) -> Control:
        """What a careful driver who knows map and traffic would do now."""
        control: Control = self._request("scripted_control")
        return control

    def close(self) -> None:
        """End the client, which first takes its actors off the server; may be called twice."""
        if self._client is not None:
            self._client.close(self._config.timeout)
            self._client = None
        if self._server is not None:
            self._server.stop()

    def _check_server(self) -> None:
        """Find out at once that nobody is there; whoever has served may come back."""
        host, port = self._config.host, self._config.port
        if self._server is None and not self._served and not answers(port, host):
            raise SetupError(
                f"no CARLA server answers at {host}:{port}: `semore carla start` starts one, "
                f"`semore doctor --carla {host}:{port}` asks it"
            )

    def _place(self, episode: Episode) -> Tick:
        if self._server is not None:
            self._tend(self._server)
        if self._client is None:
            served = (lambda: True) if self._server is None else self._server.is_alive
            self._client = ClientProcess(self._config, self._camera, served)
        tick: Tick = self._client.request("reset", episode, timeout=self._config.load_timeout)
        self._lost = None
        return tick

    def _tend(self, server: CarlaServer) -> None:
        """Start the server where it is not running, has failed, or has served long enough."""
        limits = self._config
        if server.is_alive() and not self._suspect:
            if self._episodes < limits.recycle_episodes and server.memory() < limits.recycle_memory:
                self._episodes += 1
                return
            logger.info("starting the CARLA server anew after %d episodes", self._episodes)
        if self._client is not None:
            self._client.close(limits.timeout)
            self._client = None
        self._config = replace(limits, host="127.0.0.1", port=server.start())
        self._episodes, self._suspect = 1, False

    def _request(self, name: str, *arguments: object) -> Any:
        if self._lost is not None:
            raise SimulatorError(f"the simulator was lost: {self._lost}")
        if self._client is None:
            raise RuntimeError("no episode is running: call reset() first")
        try:
            return self._client.request(name, *arguments, timeout=self._config.timeout + GRACE)
        except SimulatorError as error:
            self._lose(error)
            raise

    def _lose(self, error: SimulatorError) -> None:
        """Count a failure; the client, if there was one, is ended already."""
        self._client = None
        self._lost = error
        self._failures += 1
        self._ticks = 0
        self._suspect = self._failures > 1  # a first one may be the client library's
