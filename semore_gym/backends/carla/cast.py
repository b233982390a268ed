"""Everybody but the ego: placed for an episode, moved through it, taken away after it."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import carla
import numpy as np

from semore_gym.backends.carla.config import DT
from semore_gym.backends.carla.connection import blueprint_of
from semore_gym.backends.carla.lanes import LanePath, dot
from semore_gym.backends.carla.walkers import Crossing
from semore_gym.scenarios.base import Actor, Cross, Cruise, Episode

logger = logging.getLogger(__name__)

DROP = 0.3  # height above the road at which vehicles are put into the world [m]
WALKER_HEIGHT = 1.2  # of a walker's middle above the road: 0.93 to its feet, a kerb, and a little air [m]
# tried where a place is taken: along the road and upwards, where a walker's feet may be in a kerb [m]
NUDGES = ((0.0, 0.0), (0.0, 0.3), (2.0, 0.0), (-2.0, 0.3), (4.0, 0.0), (-4.0, 0.3))
FURTHER = range(0, 100, 10)  # tried along the road where it has no such lane, as in junctions [m]
FEWEST = 0.5  # share of the actors without whom there is no episode
COLORS = ("10,20,60", "120,10,10", "180,180,180", "20,20,20", "235,235,235", "15,70,40", "200,140,20")
RESPAWN_PERIOD = 10  # [ticks]
UNLIT = {"vehicle.audi.a2": "vehicle.lincoln.mkz_2020"}  # who has no lamps: who drives with lights instead
KMH = 3.6  # km/h in a m/s
LIGHTS = {
    "off": carla.VehicleLightState.NONE,
    "low": carla.VehicleLightState(carla.VehicleLightState.Position | carla.VehicleLightState.LowBeam),
    "high": carla.VehicleLightState(carla.VehicleLightState.Position | carla.VehicleLightState.HighBeam),
}


@dataclass(eq=False)
class Member:
    """One road user and what the scenario says of it."""

    spec: Actor
    actor: carla.Actor
    half_length: float  # [m]
    half_width: float  # [m]
    crossing: Crossing | None = None
    hit: bool = False  # by the ego: it walks no more, and cannot be moved if it has died of that


class Cast:
    """The other road users of one episode.

    Args:
        client: Batches go through it.
        world: Where they live.
        path: The road as the scenario counts it.
        episode: Who they are.
        manager: Drives those who drive; None where nobody does.
    """

    def __init__(
        self,
        client: carla.Client,
        world: carla.World,
        path: LanePath,
        episode: Episode,
        manager: carla.TrafficManager | None,
    ) -> None:
        self._client, self._world, self._path = client, world, path
        self._dark = episode.weather.is_dark
        self._rng = np.random.default_rng(episode.seed)
        self._direction = 1.0 if episode.ego.lane < 0 else -1.0
        self._ticks = 0
        self._manager = manager
        self.members = [self._member(spec, actor) for spec, actor in self._spawn(episode.actors)]
        self._gone: list[Member] = []  # those of them who have left the world

    def begin(self) -> None:
        """Set those who drive on their way; call it after the tick that brought everybody into the world."""
        batch = []
        for member in self.members:
            if isinstance(member.spec.behaviour, Cruise):
                assert isinstance(member.actor, carla.Vehicle)
                self._instruct(member.actor, member.spec.behaviour)
                batch.append(_cruise(member, member.spec.behaviour, member.actor.get_transform()))
            elif member.crossing is not None:
                member.crossing.place(member.actor.get_transform())
        self._client.apply_batch_sync(batch, False)

    def step(self, ego: carla.Transform, ego_s: float) -> None:
        """Let people walk, and place again who is out of reach, before a tick.

        Args:
            ego: Where the ego is.
            ego_s: Along the path, see `LanePath.follow` [m].
        """
        self._ticks += 1
        batch: list[Any] = []
        for member in self.members:
            if member.crossing is not None and not member.hit:
                control = member.crossing.step(member.actor.get_location(), ego)
                if control is not None:
                    batch.append(_walk(member.actor, control))
        if self._ticks % RESPAWN_PERIOD == 0:
            batch += self._respawns(ego, ego_s)
        if batch:
            self._client.apply_batch(batch)

    def notice(self, hits: Sequence[Any]) -> None:
        """See after a tick who was hit and who is gone.

        CARLA takes away people who died of being run over, after a while, and drivers who left the map.

        Args:
            hits: Collision events of the ego in that tick.
        """
        snapshot = self._world.get_snapshot()
        hit = {event.other_actor.id for event in hits}
        for member in list(self.members):
            if not snapshot.has_actor(member.actor.id):
                self._forget(member)
            elif member.actor.id in hit and member.crossing is not None and not member.hit:
                member.hit = True
                self._client.apply_batch([_walk(member.actor, carla.WalkerControl())])

    def close(self) -> None:
        """Take everybody out of the world, with a tick: a traffic manager must not meet who is gone."""
        numbers = [member.actor.id for member in self.members]
        self._client.apply_batch_sync([carla.command.DestroyActor(number) for number in numbers], False)
        self._world.tick()

    def _spawn(self, specs: tuple[Actor, ...]) -> list[tuple[Actor, carla.Actor]]:
        """Put the actors into the world, nudged along the road and upwards where something is in the way."""
        numbers: dict[int, int] = {}
        reasons = dict.fromkeys(range(len(specs)), "the road has no such place")
        places = [self._first_place(spec) for spec in specs]
        for along, up in NUDGES:
            missing = [i for i in range(len(specs)) if i not in numbers]
            if not missing:
                break
            poses = {i: self._pose(specs[i], places[i] + along, up) for i in missing}
            there = {i: pose for i, pose in poses.items() if pose is not None}
            batch = [self._spawn_command(specs[i], pose) for i, pose in there.items()]
            for i, answer in zip(there, self._client.apply_batch_sync(batch, False), strict=True):
                if answer.error:
                    reasons[i] = answer.error
                else:
                    numbers[i] = answer.actor_id
        refused = [i for i in range(len(specs)) if i not in numbers]
        if refused:
            told = "; ".join(f"{specs[i].blueprint} at s = {specs[i].s:.1f} m: {reasons[i]}" for i in refused)
            said = f"the CARLA server refused {len(refused)} of {len(specs)} actors: {told}"
            if len(numbers) < FEWEST * len(specs):
                raise RuntimeError(said)
            logger.warning(said)
        self._world.tick()
        return [(specs[i], self._world.get_actor(number)) for i, number in sorted(numbers.items())]

    def _spawn_command(self, spec: Actor, pose: carla.Transform) -> Any:
        lights = self._lights(spec)
        name = spec.blueprint if lights == "off" else UNLIT.get(spec.blueprint, spec.blueprint)
        blueprint = blueprint_of(self._world.get_blueprint_library(), name)
        if blueprint.has_attribute("color"):
            blueprint.set_attribute("color", str(self._rng.choice(COLORS)))
        if blueprint.has_attribute("is_invincible"):  # such people, CARLA's default, are driven through
            blueprint.set_attribute("is_invincible", "false")
        command, then = carla.command, []
        if spec.blueprint.startswith("vehicle.") and lights != "off":
            then.append(command.SetVehicleLightState(command.FutureActor, LIGHTS[lights]))  # type: ignore[arg-type]
        if isinstance(spec.behaviour, Cruise):
            assert self._manager is not None
            then.append(command.SetAutopilot(command.FutureActor, True, self._manager.get_port()))  # type: ignore[arg-type]
        spawn: Any = command.SpawnActor(blueprint, pose)
        for step in then:
            spawn = spawn.then(step)
        return spawn

    def _lights(self, spec: Actor) -> str:
        """An actor's lights; in the dark who drives without any has low beams."""
        drives = isinstance(spec.behaviour, Cruise)
        return "low" if spec.lights == "off" and drives and self._dark else spec.lights

    def _first_place(self, spec: Actor) -> float:
        """Where the scenario has somebody, or further on where the road has such a place again [m]."""
        places = [spec.s + self._direction * further for further in FURTHER]
        return next((s for s in places if self._pose(spec, s) is not None), spec.s)

    def _pose(self, spec: Actor, s: float, up: float = 0.0) -> carla.Transform | None:
        height = WALKER_HEIGHT if spec.blueprint.startswith("walker.") else DROP
        drives = isinstance(spec.behaviour, Cruise)  # nobody stands in a junction
        return self._path.pose(spec.lane, s, spec.offset, height + up, junctions=drives)

    def _member(self, spec: Actor, actor: carla.Actor) -> Member:
        extent = actor.bounding_box.extent
        crossing = None
        if isinstance(spec.behaviour, Cross):
            width = abs(self._path.lane_offset(-spec.lane) - self._path.lane_offset(spec.lane))
            stride = width - 2 * abs(spec.offset)  # from kerb to kerb, where they stand
            crossing = Crossing(spec.behaviour, stride, self._rng, DT)
        return Member(spec, actor, extent.x, extent.y, crossing)

    def _instruct(self, vehicle: carla.Vehicle, behaviour: Cruise) -> None:
        manager = self._manager
        assert manager is not None
        manager.ignore_lights_percentage(vehicle, 100)
        manager.ignore_signs_percentage(vehicle, 100)
        manager.distance_to_leading_vehicle(vehicle, behaviour.min_gap)
        manager.auto_lane_change(vehicle, behaviour.lane_changes)
        manager.set_desired_speed(vehicle, behaviour.speed * KMH)

    def _respawns(self, ego: carla.Transform, ego_s: float) -> list[Any]:
        """Commands that put those far behind, or too far, ahead of the ego again, and bring back the gone."""
        batch: list[Any] = []
        forward = ego.get_forward_vector()
        for member in [*self.members, *self._gone]:
            rule = member.spec.respawn
            if rule is None:
                continue
            if member in self.members:
                step = member.actor.get_location() - ego.location
                # far to the side is another street
                if dot(step, forward) >= -rule.behind and math.hypot(step.x, step.y) <= rule.ahead[1] + 10.0:
                    continue
                if member.hit:
                    batch.append(carla.command.DestroyActor(member.actor.id))
                    self._forget(member)
                    continue
            s = ego_s + self._direction * float(self._rng.uniform(*rule.ahead))
            pose = self._pose(member.spec, s)
            if pose is not None and self._is_clear(pose.location):
                batch += self._placed(member, pose)
        return batch

    def _placed(self, member: Member, pose: carla.Transform) -> list[Any]:
        """Commands that put somebody at `pose`; who is gone is spawned anew at once, if there is room."""
        batch: list[Any] = []
        if member in self.members:
            batch.append(carla.command.ApplyTransform(member.actor.id, pose))
        elif not self._spawn_again(member, pose):
            return []
        if member.crossing is not None:
            member.crossing.place(pose)
        elif isinstance(member.spec.behaviour, Cruise):  # its old velocity points elsewhere
            batch.append(_cruise(member, member.spec.behaviour, pose))
        return batch

    def _spawn_again(self, member: Member, pose: carla.Transform) -> bool:
        (answer,) = self._client.apply_batch_sync([self._spawn_command(member.spec, pose)], False)
        if answer.error:
            return False
        member.actor, member.hit = self._world.get_actor(answer.actor_id), False
        if isinstance(member.spec.behaviour, Cruise):
            assert isinstance(member.actor, carla.Vehicle)
            self._instruct(member.actor, member.spec.behaviour)
        self._gone.remove(member)
        self.members.append(member)
        return True

    def _forget(self, member: Member) -> None:
        self.members.remove(member)
        self._gone.append(member)

    def _is_clear(self, place: carla.Location, room: float = 10.0) -> bool:
        places = [member.actor.get_location() for member in self.members]
        return all(math.hypot(at.x - place.x, at.y - place.y) > room for at in places)


def _cruise(member: Member, behaviour: Cruise, pose: carla.Transform) -> carla.command.ApplyTargetVelocity:
    """The command that gives a driver its speed in the direction of `pose`."""
    return carla.command.ApplyTargetVelocity(member.actor.id, pose.get_forward_vector() * behaviour.speed)


def _walk(walker: carla.Actor, control: carla.WalkerControl) -> Any:
    return carla.command.ApplyWalkerControl(walker.id, control)  # type: ignore[arg-type]  # the stub is wrong
