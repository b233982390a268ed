"""The server's state between calls: settings, weather, episode, sensors; and its clock."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import Any

from helpers.carla_server.cameras import Cameras
from helpers.carla_server.faults import Faults
from helpers.carla_server.maps import town
from helpers.carla_server.rpc import RefusedError
from helpers.carla_server.simulation import MAPS, Actor, Simulation
from helpers.carla_server.streams import StreamServer
from helpers.carla_server.wire import COLLISION, WORLD, Pose, collision, header, snapshot
from semore_gym.backends.embedded.opendrive import opendrive
from semore_gym.scenarios.weather import Weather

NOON = [float(value) for value in vars(Weather(sun_altitude_angle=45.0)).values()]
HALF_A_WALKER = 0.93  # from its middle to its feet, as CARLA measures it [m]
FREE = [False, False, [False], True, 0.01, 10, 0.0, False, 3000.0, 2000.0, True]  # settings


class CarlaWorld:
    """What a CARLA server remembers.

    Args:
        streams: Where snapshots and sensors' data go.
        map_name: The map at the start.
        version: What it says it is.
        towns: Whether its maps are CARLA's own; pictures are of the embedded roads all the same.
    """

    def __init__(self, streams: StreamServer, map_name: str, version: str, towns: bool) -> None:
        self.version = version
        self.streams = streams
        self._towns = towns
        self.snapshots = streams.token()
        self.frame = 0
        self.busy = 0.0  # spent on ticks [s]
        self.episode = 0
        self.settings: list[Any] = list(FREE)
        self.weather: list[float] = list(NOON)
        self.traffic_managers: dict[int, Any] = {}
        self.made_traffic_managers = 0
        self.faults: Faults | None = None
        self._ids = itertools.count(1)
        self._cameras = Cameras()
        self.simulation: Simulation
        self.load(map_name)

    @property
    def actors(self) -> dict[int, Actor]:
        """Everything in the world, by id."""
        return self.simulation.actors

    @property
    def synchronous(self) -> bool:
        """Whether the world waits for the client's ticks."""
        return bool(self.settings[0])

    def load(self, name: str) -> None:
        """Begin a new episode on a map."""
        if name not in MAPS:
            raise RefusedError(f"map {name} not found")
        for number in list(self.actors) if self.episode else []:
            self.destroy(number)
        self.episode += 1
        self.simulation = Simulation(name, self._ids)
        self._cameras.begin(self.simulation.road, self.weather)
        self.spectator = self.spawn([0, "spectator", []], Pose())

    def actor(self, number: int) -> Actor:
        """The actor of that id."""
        if number not in self.actors:
            raise RefusedError(f"actor {number} not found")
        return self.actors[number]

    def spawn(self, description: list[Any], pose: Pose, parent: int = 0) -> Actor:
        """Make an actor, with a stream if it is a sensor whose data the server makes."""
        kind = description[1]
        sensor = kind.startswith("sensor.") and kind != "sensor.other.lane_invasion"
        token = self.streams.token() if sensor else b""
        if self.faults and self.faults.refuses_spawn():
            raise RefusedError("spawn refused")
        if self.faults and kind.startswith("walker.") and pose.z - HALF_A_WALKER < self.faults.plan.kerb:
            raise RefusedError("spawn failed because of collision at spawn position")
        actor = self.simulation.spawn(description, pose, parent, token)
        if actor is None:
            raise RefusedError("unable to spawn actor: something is in the way")
        return actor

    def destroy(self, number: int) -> bool:
        """Take an actor away and close its stream."""
        token = self.actors[number].token if number in self.actors else b""
        if token:
            self.streams.drop(token)
        return self.simulation.destroy(number)

    def set_settings(self, settings: list[Any]) -> int:
        """Take over the client's settings; returns the current frame."""
        self.settings = settings
        return self.frame

    def set_weather(self, weather: list[float]) -> None:
        """Change the weather."""
        if self.faults and self.faults.plan.no_weather:
            raise RefusedError("unable to set weather")
        self.weather = weather
        self._cameras.begin(self.simulation.road, weather)

    def opendrive(self) -> str:
        """The map."""
        name = self.simulation.map_name
        return town(name) if self._towns else opendrive(self.simulation.road)

    def spawn_points(self) -> list[Any]:
        """Some places on the map, as transforms."""
        road = self.simulation.road
        places = (road.pose(float(s), road.lanes[-1].center) for s in range(10, 500, 20))
        return [[[x, -y, 0.5], [0.0, 0.0, 0.0]] for x, y, _ in places]

    @property
    def delta(self) -> float:
        """Duration of a tick [s]."""
        fixed = self.settings[2]
        return float(fixed[1]) if fixed[0] else 0.05

    def tick(self) -> int:
        """Advance the world by one frame and send what was seen; returns the frame's number."""
        start = time.perf_counter()
        self.frame += 1
        self.simulation.tick(self.delta)
        self._send_events()
        self._send_pictures()
        body = snapshot(self.episode, time.time(), self.delta, self.simulation.snapshots())
        self._send(self.snapshots, WORLD, Pose(), body)
        self.busy += time.perf_counter() - start
        return self.frame

    def _send(self, token: bytes, kind: int, pose: Pose, body: bytes) -> None:
        self.streams.publish(token, header(kind, self.frame, self.simulation.elapsed, pose) + body)

    def _send_events(self) -> None:
        sensors = [actor for actor in self.actors.values() if actor.kind == "sensor.other.collision"]
        for event in self.simulation.collisions:
            for sensor in sensors:
                if sensor.parent == event.actor:
                    ours, other = self._brief(event.actor), self._brief(event.other)
                    pose = self.simulation.pose_of(sensor)
                    self._send(sensor.token, COLLISION, pose, collision(ours, other, event.impulse))

    def _brief(self, number: int) -> list[Any]:
        actor = self.actors[number]
        box = [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0], number]
        return [actor.id, actor.parent, actor.description, box, b"", b""]

    def _send_pictures(self) -> None:
        listened = [
            actor
            for actor in self.actors.values()
            if actor.kind.startswith("sensor.camera.") and self.streams.listened(actor.token)
        ]
        if not listened or self.settings[1]:
            return
        self._cameras.look(*self.simulation.actor_states())
        for camera in listened:
            kind, body = self._cameras.shoot(camera)
            message = (
                header(kind, self.frame, self.simulation.elapsed, self.simulation.pose_of(camera)) + body
            )
            for _ in range(self.faults.times_sent() if self.faults else 1):
                delay = self.faults.delay_of_pictures() if self.faults else 0.0
                asyncio.get_running_loop().call_later(delay, self.streams.publish, camera.token, message)
