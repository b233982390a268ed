"""One environment's life on a CARLA server, in the client's process."""

from __future__ import annotations

import math
import socket
import time
from dataclasses import asdict, replace

import carla

from semore_gym.backends.base import CameraConfig, Control, Surroundings, Tick
from semore_gym.backends.carla.cast import DROP, LIGHTS, Cast
from semore_gym.backends.carla.channel import SharedPictures
from semore_gym.backends.carla.config import DT, CarlaConfig
from semore_gym.backends.carla.connection import (
    ROLE,
    blueprint_of,
    check_drawing,
    claim,
    connect,
    free_port,
    synchronous_world,
)
from semore_gym.backends.carla.driver import drive
from semore_gym.backends.carla.instruments import Instruments
from semore_gym.backends.carla.lanes import LanePath
from semore_gym.backends.carla.sensors import CHASE, ROOF, Camera, Events, camera_blueprint
from semore_gym.backends.carla.surroundings import look_around
from semore_gym.backends.embedded.roads import road
from semore_gym.scenarios.base import Cruise, Episode
from semore_gym.scenarios.weather import WEATHERS, Weather

EGO = "vehicle.tesla.model3"
HAZE = {"fog_density": 3.0, "fog_distance": 0.75, "fog_falloff": 0.1}  # that CARLA's own CloudyNoon has
FIRST_PICTURE = 20  # ticks within which a new camera must have sent one
EVENTS = ("sensor.other.collision", "sensor.other.lane_invasion")


class Session:
    """A world with an ego whose sensors live as long as the map.

    Args:
        config: Where the server is.
        camera: The roof camera, and which pictures it must have ready.
        pictures: Where `image` puts them.
    """

    def __init__(self, config: CarlaConfig, camera: CameraConfig, pictures: SharedPictures) -> None:
        self._config, self._camera, self._pictures = config, camera, pictures
        self._client = connect(config)
        self._claim: socket.socket | None = None
        self._map_name = ""
        self._equipped = False  # whether the ego and its sensors are on the map
        self._cameras: dict[str, Camera] = {}
        self._cast: Cast | None = None
        self._manager: carla.TrafficManager | None = None
        self._world: carla.World
        self._map: carla.Map
        self._ego: carla.Vehicle
        self._hits: Events
        self._marks: Events

    def greeting(self) -> str:
        """What the server says of itself."""
        return f"CARLA {self._client.get_server_version()}, map {self._client.get_world().get_map().name}"

    def reset(self, episode: Episode) -> Tick:
        """Place everybody and report; see `semore_gym.backends.base.Backend.reset`."""
        if self._cast is not None:
            self._cast.close()
            self._cast = None
        if episode.location.carla_map != self._map_name:
            self._enter(episode.location.carla_map)
        self._set_weather(episode.weather)
        self._path = LanePath(self._map, episode)
        self._path_s = episode.ego.s
        # the server's own is 30 km/h until the ego has passed a sign
        self._speed_limit = road(episode.location.embedded).speed_limit
        start = self._path.pose(episode.ego.lane, episode.ego.s, height=DROP)
        assert start is not None  # the path begins there
        if not self._equipped:  # before anybody is placed: how long a camera takes to start is not our choice
            self._spawn_ego(start)
            self._add_cameras(*self._camera.kinds)
            self._equipped = True
        self._place_ego(start)
        self._ego.set_light_state(LIGHTS["low" if episode.weather.is_dark else "off"])
        drivers = any(isinstance(spec.behaviour, Cruise) for spec in episode.actors)
        manager = self._traffic_manager(episode.seed) if drivers else None
        self._cast = Cast(self._client, self._world, self._path, episode, manager)
        self._cast.begin()
        self._frame = 0
        self._instruments = Instruments(self._map, self._ego)
        self._advance()
        self._hits.drain()
        self._marks.drain()
        return self._read()

    def tick(self, control: Control) -> Tick:
        """Advance by one tick and report."""
        assert self._cast is not None
        ego = self._ego.get_transform()
        self._path_s = self._path.follow(self._path_s, ego, self._last.speed * DT)
        self._cast.step(ego, self._path_s)
        self._ego.apply_control(
            carla.VehicleControl(throttle=control.throttle, steer=control.steer, brake=control.brake)
        )
        self._frame += 1
        self._advance()
        return self._read()

    def image(self, kind: str) -> None:
        """Put a picture of the last tick where the environment reads it.

        A camera that was not there costs one tick, once: have it in `CameraConfig.kinds`.
        """
        if kind not in self._cameras:
            self._add_cameras(kind)
        self._pictures.write(kind, self._cameras[kind].picture())

    def surroundings(self) -> Surroundings:
        """Where the road goes and where everybody is."""
        assert self._cast is not None
        return look_around(self._map, self._ego, self._cast.members)

    def scripted_control(self) -> Control:
        """What a careful driver would do now."""
        return drive(self._map, self._ego, self._last, self._speed_limit)

    def close(self) -> None:
        """Take everything of ours out of the world and let it run by itself again."""
        if self._cast is not None:
            self._cast.close()
            self._cast = None
        if self._map_name:
            self._leave()
            settings = self._world.get_settings()
            settings.synchronous_mode, settings.fixed_delta_seconds = False, None
            self._world.apply_settings(settings)
        if self._claim is not None:
            self._claim.close()
            self._claim = None

    def _enter(self, map_name: str) -> None:
        """Load a map, unless it is there already; the ego and its sensors of another one go first."""
        if self._map_name:
            self._leave()
        if self._claim is None:
            self._claim = claim(self._config)
        self._world = synchronous_world(self._client, map_name, self._config)
        self._map = self._world.get_map()
        self._map_name = map_name

    def _set_weather(self, weather: Weather) -> None:
        """Change the weather, and see that it has changed: nobody else would notice."""
        wanted = asdict(replace(weather, **HAZE) if weather == WEATHERS["cloudy_noon"] else weather)
        self._world.set_weather(carla.WeatherParameters(**wanted))
        now = self._world.get_weather()
        wrong = {
            name: getattr(now, name)
            for name, value in wanted.items()
            if not math.isclose(math.remainder(getattr(now, name) - value, 360.0), 0.0, abs_tol=1e-3)
        }
        if wrong:
            expected = {name: wanted[name] for name in wrong}
            raise RuntimeError(f"the CARLA server did not take the weather: wanted {expected}, has {wrong}")

    def _traffic_manager(self, seed: int) -> carla.TrafficManager:
        """The one that lives as long as the map: 2 to 3 MB of each that ends are never freed."""
        if self._manager is None:
            self._manager = self._client.get_trafficmanager(free_port())
            self._manager.set_synchronous_mode(True)
        self._manager.set_random_device_seed(seed)
        self._world.tick()  # a new one began by running free: that must be over before it drives anybody
        return self._manager

    def _leave(self) -> None:
        """Stop the sensors, then destroy them and the ego; the traffic manager goes too."""
        if self._manager is not None:
            self._manager.set_synchronous_mode(False)
            self._manager.shut_down()  # type: ignore[no-untyped-call]
            self._manager = None
        self._world.tick()  # a picture on its way when its camera stops aborts the library
        sensors = [*self._cameras.values(), self._hits, self._marks]
        for camera in self._cameras.values():
            camera.wait(self._world.get_snapshot().frame, time.monotonic() + self._config.timeout)
        for sensor in sensors:
            sensor.stop()
        for actor in (*(sensor.actor for sensor in sensors), self._ego):
            actor.destroy()
        self._cameras.clear()
        self._equipped = False
        self._map_name = ""
        del self._ego

    def _place_ego(self, pose: carla.Transform) -> None:
        # left to itself, a gearbox takes up to 2 s after a spawn to leave neutral, whatever the throttle
        self._ego.apply_control(carla.VehicleControl(brake=1.0, manual_gear_shift=True, gear=1))
        self._ego.set_target_velocity(carla.Vector3D())
        self._ego.set_target_angular_velocity(carla.Vector3D())
        self._ego.set_transform(pose)

    def _spawn_ego(self, pose: carla.Transform) -> None:
        library = self._world.get_blueprint_library()
        blueprint = blueprint_of(library, EGO)
        blueprint.set_attribute("role_name", f"{ROLE}.hero")
        ego = self._world.spawn_actor(blueprint, pose)
        assert isinstance(ego, carla.Vehicle)
        self._ego = ego
        self._hits, self._marks = (
            Events(self._spawn_sensor(blueprint_of(library, name), carla.Transform())) for name in EVENTS
        )

    def _spawn_sensor(self, blueprint: carla.ActorBlueprint, mount: carla.Transform) -> carla.Sensor:
        blueprint.set_attribute("role_name", f"{ROLE}.sensor")
        sensor = self._world.spawn_actor(blueprint, mount, attach_to=self._ego)
        assert isinstance(sensor, carla.Sensor)
        return sensor

    def _add_cameras(self, *kinds: str) -> None:
        """Spawn cameras and tick until each has sent its first picture, which takes its stream a moment."""
        if not kinds:
            return
        check_drawing(self._world)
        library = self._world.get_blueprint_library()
        for kind in kinds:
            blueprint = camera_blueprint(library, kind, self._camera)
            actor = self._spawn_sensor(blueprint, CHASE if kind == "chase" else ROOF)
            self._cameras[kind] = Camera(actor, kind)
        new = [self._cameras[kind] for kind in kinds]
        for _ in range(FIRST_PICTURE):
            time.sleep(0.05)
            frame = self._world.tick()
            deadline = time.monotonic() + self._config.timeout
            for kind, camera in self._cameras.items():
                if kind not in kinds:
                    camera.wait(frame, deadline)
            if all(camera.started(time.monotonic() + 0.1) for camera in new):
                for camera in new:
                    camera.wait(frame, deadline)
                return
        raise RuntimeError(f"the cameras {', '.join(kinds)} sent no picture within {FIRST_PICTURE} ticks")

    def _advance(self) -> None:
        frame = self._world.tick()
        deadline = time.monotonic() + self._config.timeout
        for camera in self._cameras.values():
            camera.wait(frame, deadline)

    def _read(self) -> Tick:
        assert self._cast is not None
        hits = self._hits.drain()
        self._cast.notice(hits)
        self._last = self._instruments.read(self._frame, self._cast.members, hits, self._marks.drain())
        return self._last
