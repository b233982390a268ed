"""The world behind the server: CARLA's actors on the embedded simulator's road and physics.

A vehicle of the Tesla's blueprint is a full Bullet vehicle; every other is a box that goes where its controls
take it, until a crash pushes it away. Inside, the embedded frame (y to the left); outside, CARLA's (y to the
right).
"""

from __future__ import annotations

import itertools
import math
import zlib
from dataclasses import dataclass, field
from typing import Any

from panda3d.bullet import BulletPlaneShape, BulletRigidBodyNode, BulletWorld
from panda3d.core import BitMask32, ConfigVariableBool, Vec3

from helpers.carla_server.bodies import Body, Box, Hero, make_body
from helpers.carla_server.wire import ActorSnapshot, Pose, vehicle_detail, walker_detail
from semore_gym.backends.embedded.actor_state import ActorState
from semore_gym.backends.embedded.physics.vehicle import GRAVITY
from semore_gym.backends.embedded.roads import road

ConfigVariableBool("transform-cache").set_value(False)

MAPS = {"Town01": "street", "Town04": "highway"}
SUBSTEPS = 5
GROUND, ACTORS = BitMask32.bit(0), BitMask32.bit(1)  # only a Bullet vehicle touches the ground
AFTERLIFE = 10.0  # how long somebody who was run over lies there [s]
UNSIGNED = 30.0  # what CARLA calls the speed limit before any sign was passed [km/h]
STILL = [0.0, 0.0, 0.0, False, False, False, 0]  # a vehicle control


@dataclass
class Actor:
    """Whatever the client has spawned."""

    id: int
    description: list[Any]  # [uid, type id, attributes]
    pose: Pose
    parent: int = 0
    token: bytes = b""
    body: Body | None = None
    control: list[Any] = field(default_factory=lambda: list(STILL))
    lights: int = 0
    died: float | None = None  # when, in the simulation's time [s]

    @property
    def kind(self) -> str:
        """The type id, for example vehicle.tesla.model3."""
        kind: str = self.description[1]
        return kind

    def attribute(self, name: str) -> str:
        """The value of one of its attributes."""
        return next((value for key, _, value in self.description[2] if key == name), "")


@dataclass(frozen=True)
class Collision:
    """That an actor touched another during a tick."""

    actor: int
    other: int
    impulse: tuple[float, float, float]  # in CARLA's frame [N*s]


class Simulation:
    """One episode: everything since a map was loaded.

    Args:
        map_name: A key of `MAPS`.
        ids: Source of actor ids, which are unique for the server's life.
    """

    def __init__(self, map_name: str, ids: itertools.count[int]) -> None:
        self.map_name = map_name
        self.road = road(MAPS[map_name])
        self.actors: dict[int, Actor] = {}
        self.elapsed = 0.0
        self.collisions: list[Collision] = []
        self._ids = ids
        self._bullet = BulletWorld()
        self._bullet.set_gravity(Vec3(0, 0, -GRAVITY))
        ground = BulletRigidBodyNode("ground")
        ground.add_shape(BulletPlaneShape(Vec3(0, 0, 1), 0))
        ground.set_into_collide_mask(GROUND)
        ground.set_friction(0.5)
        self._bullet.attach(ground)

    def spawn(self, description: list[Any], pose: Pose, parent: int = 0, token: bytes = b"") -> Actor | None:
        """Put an actor into the world; None where a body stands in the way."""
        actor = Actor(next(self._ids), description, pose, parent, token)
        if actor.kind.startswith(("vehicle.", "walker.pedestrian")):
            boxes = BitMask32.all_off() if actor.attribute("is_invincible") == "true" else ACTORS
            actor.body = make_body(
                self._bullet, actor.id, actor.kind, pose, (GROUND | ACTORS, boxes), SUBSTEPS
            )
            actor.body.color = zlib.crc32(actor.attribute("color").encode()) % 1000
            if any(actor.body.overlaps(other.body) for other in self.actors.values() if other.body):
                actor.body.close()
                return None
        self.actors[actor.id] = actor
        return actor

    def destroy(self, number: int) -> bool:
        """Take an actor out of the world; whether it was there."""
        actor = self.actors.pop(number, None)
        if actor is None:
            return False
        if actor.body:
            actor.body.close()
        for child in [other.id for other in self.actors.values() if other.parent == number]:
            self.actors[child].parent = 0
        return True

    def tick(self, delta: float) -> None:
        """Move everybody on by `delta` seconds."""
        self.elapsed += delta
        for number, actor in list(self.actors.items()):
            if actor.died is not None and self.elapsed > actor.died + AFTERLIFE:
                self.destroy(number)
        sums: dict[tuple[int, int], Vec3] = {}
        bodies = [actor.body for actor in self.actors.values() if actor.body]
        for actor in self.actors.values():
            if actor.body:
                actor.body.apply(actor.control, delta)
        for _ in range(SUBSTEPS):
            self._bullet.do_physics(delta / SUBSTEPS, 1, delta / SUBSTEPS)
            self._add_contacts(sums)
        for body in bodies:
            body.read(delta)
        self.collisions = [
            Collision(actor, other, (total.x, -total.y, total.z)) for (actor, other), total in sums.items()
        ]

    def _add_contacts(self, sums: dict[tuple[int, int], Vec3]) -> None:
        for manifold in self._bullet.get_manifolds():
            names = [manifold.get_node0().get_name(), manifold.get_node1().get_name()]
            if "ground" in names or not manifold.get_num_manifold_points():
                continue
            points = manifold.get_manifold_points()
            push = sum(
                (point.get_normal_world_on_b() * point.get_applied_impulse() for point in points), Vec3(0)
            )
            if push.length() == 0.0:
                continue
            first, second = int(names[0]), int(names[1])
            sums[first, second] = sums.get((first, second), Vec3(0)) + push
            sums[second, first] = sums.get((second, first), Vec3(0)) - push
            for number in (first, second):
                body = self.actors[number].body
                if isinstance(body, Box):
                    body.free = True
                    if body.size.kind == "walker" and self.actors[number].died is None:
                        self.actors[number].died = self.elapsed

    def place(self, number: int, pose: Pose) -> None:
        """Put an actor somewhere else, at rest."""
        actor = self.actors[number]
        if actor.died is not None:
            return
        actor.pose = pose
        if actor.body:
            actor.body.place(pose)

    def snapshots(self) -> list[ActorSnapshot]:
        """Everybody's part of a snapshot."""
        return [self._snapshot(actor) for actor in self.actors.values()]

    def pose_of(self, actor: Actor) -> Pose:
        """Where an actor is now; of a sensor, where it is mounted to its parent."""
        if actor.body:
            return actor.body.pose()
        parent = self.actors.get(actor.parent)
        return actor.pose if parent is None else mounted(self.pose_of(parent), actor.pose)

    def _snapshot(self, actor: Actor) -> ActorSnapshot:
        snapshot = ActorSnapshot(actor.id, self.pose_of(actor))
        if actor.body:
            snapshot.velocity, snapshot.turning, snapshot.acceleration = actor.body.motion()
        if actor.kind.startswith("vehicle."):
            snapshot.detail = vehicle_detail(actor.control, UNSIGNED)
        elif actor.kind.startswith("walker."):
            vx, vy, _ = snapshot.velocity
            snapshot.detail = walker_detail((1.0, 0.0, 0.0), math.hypot(vx, vy))
        return snapshot

    def actor_states(self) -> tuple[ActorState | None, list[ActorState]]:
        """What to draw: the first Bullet vehicle, whose cameras see, and all others."""
        bodies = [actor.body for actor in self.actors.values() if actor.body]
        hero = next((body for body in bodies if isinstance(body, Hero)), None)
        lights = {actor.id: actor.lights for actor in self.actors.values()}
        others = [body.state(lights[body.number]) for body in bodies if body is not hero]
        return hero.state(lights[hero.number]) if hero else None, others


def mounted(parent: Pose, mount: Pose) -> Pose:
    """The pose of something mounted on a level parent."""
    cos, sin = math.cos(math.radians(parent.yaw)), math.sin(math.radians(parent.yaw))
    return Pose(
        parent.x + mount.x * cos - mount.y * sin,
        parent.y + mount.x * sin + mount.y * cos,
        parent.z + mount.z,
        parent.pitch + mount.pitch,
        parent.yaw + mount.yaw,
        parent.roll + mount.roll,
    )
