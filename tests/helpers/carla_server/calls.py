"""What each remote call does."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from helpers.carla_server.blueprints import definitions
from helpers.carla_server.bodies import Body, Box
from helpers.carla_server.rpc import RefusedError
from helpers.carla_server.simulation import MAPS
from helpers.carla_server.wire import Pose

if TYPE_CHECKING:
    from helpers.carla_server.server import CarlaWorld

Description = list[Any]


class Calls:
    """The calls of a client, on the server's world.

    Args:
        world: What they act on.
    """

    def __init__(self, world: CarlaWorld) -> None:
        self.world = world

    def queries(self) -> dict[str, Any]:
        """Calls that return something."""
        world = self.world
        return {
            "version": lambda: world.version,
            "get_episode_info": lambda: [world.episode, [world.snapshots]],
            "get_episode_settings": lambda: world.settings,
            "set_episode_settings": world.set_settings,
            "get_sensor_token": lambda stream: [world.streams.token_of(stream)],
            "get_map_info": lambda: [world.simulation.map_name, world.spawn_points()],
            "get_map_data": world.opendrive,
            "get_required_files": lambda *_: [],
            "get_available_maps": lambda: list(MAPS),
            "get_actor_definitions": lambda: [
                row for row in definitions() if world.faults is None or row[1] != world.faults.plan.without
            ],
            "get_actors_by_id": lambda numbers: [self._described(n) for n in numbers if n in world.actors],
            "get_actor_bounding_box": self._bounding_box,
            "get_weather_parameters": lambda: world.weather,
            "get_vehicle_light_states": lambda: [
                [actor.id, actor.lights] for actor in world.actors.values() if actor.body
            ],
            "query_lights_state": lambda _: [],
            "get_spectator": lambda: self._described(world.spectator.id),
            "get_environment_objects": lambda *_: [],
            "spawn_actor": self._spawn,
            "spawn_actor_with_parent": self._spawn,
            "destroy_actor": self._destroy,
            "tick_cue": world.tick,
            # not CARLA's: what ticks took [s], who is here and where, for measuring and tests
            "busy": lambda: world.busy,
            "census": lambda: dict(Counter(actor.kind for actor in world.actors.values())),
            "places": lambda: [
                [actor.kind, *world.simulation.pose_of(actor).packed()]
                for actor in world.actors.values()
                if actor.body is not None
            ],
            "lights": lambda: [
                [actor.kind, actor.lights] for actor in world.actors.values() if actor.body is not None
            ],
            "made_traffic_managers": lambda: world.made_traffic_managers,
            "is_traffic_manager_running": lambda port: port in world.traffic_managers,
            "get_traffic_manager_running": lambda port: world.traffic_managers[port],
            "add_traffic_manager_running": self._add_traffic_manager,
            "destroy_traffic_manager": lambda port: bool(world.traffic_managers.pop(port, None)),
        }

    def commands(self) -> dict[str, Any]:
        """Calls that return nothing."""
        ignored = (
            "set_actor_simulate_physics",
            "set_actor_collisions",
            "set_actor_autopilot",
            "set_actor_enable_gravity",
            "show_vehicle_debug_telemetry",
            "draw_debug_shape",
            "update_lights_state",
            "freeze_all_traffic_lights",
            "reset_all_traffic_lights",
        )
        return {
            **dict.fromkeys(ignored, lambda *_: None),
            "copy_opendrive_to_file": lambda text, _: MAPS.update(OpenDriveMap=self._road_name(text)),
            "load_new_episode": lambda name, *_: self.world.load(name.rsplit("/", 1)[-1]),
            "set_weather_parameters": self.world.set_weather,
            "set_actor_transform": lambda number, pose: self._place(number, Pose.of(pose)),
            "set_actor_location": self._set_location,
            "set_actor_target_velocity": self._set_velocity,
            "set_actor_target_angular_velocity": lambda *_: None,
            "apply_control_to_vehicle": self._control_vehicle,
            "apply_control_to_walker": self._control_walker,
            "set_vehicle_light_state": lambda number, state: self._set_lights(number, *state),
        }

    def bare(self) -> dict[str, Any]:
        """Calls whose result goes out without a variant."""
        return {"apply_batch": self._batch}

    @staticmethod
    def _road_name(text: str) -> str:
        """Which embedded road an OpenDRIVE document describes."""
        header = ElementTree.fromstring(text).find("header")
        assert header is not None
        return header.attrib["name"]

    def _batch(self, commands: list[Any], tick: bool) -> list[Any]:
        answers: list[Any] = []
        for command in commands:
            try:
                answers.append([[1, self._command(*command[0])]])
            except RefusedError as refusal:
                answers.append([[0, [str(refusal)]]])
        if tick:
            self.world.tick()
        return answers

    def _command(self, index: int, fields: list[Any]) -> int:
        if index == 0:
            description, pose, parent, _, _, after = fields
            number: int = self._spawn(description, pose, parent[1] if parent[0] else 0)[0]
            for inner, (_, *values) in (command[0] for command in after):
                self._command(inner, [number, *values])
            return number
        number = fields[0]
        actions: dict[int, Any] = {
            1: self._destroy,
            2: self._control_vehicle,
            4: self._control_walker,
            6: lambda n, pose: self._place(n, Pose.of(pose)),
            7: self._walker_state,
            8: self._set_velocity,
            18: self._set_lights,
            19: self._set_location,
        }
        if index not in (
            9,
            14,
            15,
            16,
            17,
        ):  # turning, physics, gravity, autopilot, telemetry: no matter here
            if index not in actions:
                raise RefusedError(f"unknown command {index}")
            actions[index](*fields)
        return number

    def _spawn(self, description: Description, pose: Any, parent: int = 0, *_: Any) -> Any:
        actor = self.world.spawn(description, Pose.of(pose), parent)
        return self._described(actor.id)

    def _destroy(self, number: int) -> bool:
        return self.world.destroy(number)

    def _described(self, number: int) -> Any:
        actor = self.world.actors[number]
        nothing: list[Any] = [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0], number]
        box = self._bounding_box(number) if actor.body else nothing
        return [actor.id, actor.parent, actor.description, box, b"", actor.token]

    def _bounding_box(self, number: int) -> Any:
        size = self._body(number).size
        half = [size.length / 2, size.width / 2, size.height / 2]
        middle = 0.0 if size.kind == "walker" else size.height / 2
        return [[0.0, 0.0, middle], half, [0.0, 0.0, 0.0], number]

    def _body(self, number: int) -> Body:
        actor = self.world.actor(number)
        if actor.body is None:
            raise RefusedError(f"actor {number} has no body")
        return actor.body

    def _place(self, number: int, pose: Pose) -> None:
        self.world.actor(number)
        self.world.simulation.place(number, pose)

    def _set_location(self, number: int, location: list[float]) -> None:
        x, y, z = location
        pose = self.world.simulation.pose_of(self.world.actor(number))
        self._place(number, Pose(x, y, z, pose.pitch, pose.yaw, pose.roll))

    def _set_velocity(self, number: int, velocity: list[float]) -> None:
        self._body(number).push((velocity[0], -velocity[1], velocity[2]))

    def _control_vehicle(self, number: int, control: list[Any]) -> None:
        self.world.actor(number).control = control

    def _control_walker(self, number: int, control: list[Any]) -> None:
        (x, y, _), speed, _ = control
        self._walk(number, (x * speed, -y * speed, 0.0))

    def _walker_state(self, number: int, pose: Any, speed: float) -> None:
        self._place(number, Pose.of(pose))

    def _walk(self, number: int, velocity: tuple[float, float, float]) -> None:
        body = self._body(number)
        if isinstance(body, Box):
            body.walking = velocity

    def _set_lights(self, number: int, lights: int) -> None:
        self.world.actor(number).lights = lights

    def _add_traffic_manager(self, address: list[Any]) -> bool:
        host, port = address
        managers = self.world.traffic_managers
        self.world.made_traffic_managers += port not in managers
        return bool(managers.setdefault(port, (host, port)) == (host, port))
