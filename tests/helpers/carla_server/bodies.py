"""Bodies of vehicles and walkers, driven by CARLA's controls."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

from panda3d.bullet import BulletBoxShape, BulletRigidBodyNode, BulletWorld
from panda3d.core import BitMask32, Point3, TransformState, Vec3

from helpers.carla_server.wire import Pose
from semore_gym.backends.base import Control
from semore_gym.backends.embedded.actor_state import ActorState
from semore_gym.backends.embedded.blueprints import BODIES, EGO
from semore_gym.backends.embedded.physics.vehicle import GROUND_CLEARANCE, EgoVehicle

Vector = tuple[float, float, float]

FULL_THROTTLE, FULL_BRAKE, DRAG = 4.0, 9.0, 0.004  # of a box [m/s2, m/s2, 1/m]
FULL_STEER = math.radians(35.0)
IN_NEUTRAL = 2.0  # how long after its spawn a car takes no throttle, unless a gear is put in by hand [s]
SLIDING = 7.0  # deceleration of what a crash pushed away [m/s2]
LOW_BEAM, HIGH_BEAM = 0x2, 0x4  # of CARLA's light state


def _beams(lights: int) -> Literal["off", "low", "high"]:
    if lights & HIGH_BEAM:
        return "high"
    return "low" if lights & LOW_BEAM else "off"


class _Base:
    def __init__(self, number: int, blueprint: str) -> None:
        self.number, self.blueprint, self.color = number, blueprint, 0
        self.size = BODIES[blueprint]
        self.x = self.y = self.z = self.yaw = self.speed = self.travelled = self.steer = 0.0
        self.velocity: Vector = (0.0, 0.0, 0.0)
        self.acceleration: Vector = (0.0, 0.0, 0.0)
        self.turning = 0.0  # to the left [rad/s]
        self.braking = False

    def pose(self) -> Pose:
        return Pose(self.x, -self.y, self.z, 0.0, -math.degrees(self.yaw), 0.0)

    def motion(self) -> tuple[Vector, Vector, Vector]:
        (vx, vy, vz), (ax, ay, az) = self.velocity, self.acceleration
        return (vx, -vy, vz), (0.0, 0.0, -math.degrees(self.turning)), (ax, -ay, az)

    def state(self, lights: int) -> ActorState:
        return ActorState(
            self.number,
            self.blueprint,
            self.x,
            self.y,
            self.z if self.blueprint == EGO else 0.0,
            self.yaw,
            color=self.color,
            steer=self.steer,
            phase=self.travelled,
            moving=self.speed > 0.05,
            lights=_beams(lights),
            braking=self.braking,
        )

    def overlaps(self, other: _Base) -> bool:
        reach = [(body.size.length + body.size.width) / 4 for body in (self, other)]
        return math.hypot(self.x - other.x, self.y - other.y) < sum(reach)

    def _moved(self, x: float, y: float, yaw: float, velocity: Vector, delta: float) -> None:
        (vx, vy, vz), (ox, oy, oz) = velocity, self.velocity
        self.acceleration = (vx - ox) / delta, (vy - oy) / delta, (vz - oz) / delta
        self.turning = math.remainder(yaw - self.yaw, math.tau) / delta
        self.x, self.y, self.yaw, self.velocity = x, y, yaw, velocity
        self.speed = math.hypot(velocity[0], velocity[1])
        self.travelled += self.speed * delta


class Hero(_Base):
    """The embedded simulator's own ego vehicle."""

    def __init__(
        self, world: BulletWorld, number: int, pose: Pose, mask: BitMask32, substep: float, substeps: int
    ) -> None:
        super().__init__(number, EGO)
        self._neutral = IN_NEUTRAL
        self._make: Callable[[Vector], EgoVehicle] = lambda start: EgoVehicle(
            world, start, substep, substeps, mask
        )
        self._begin(pose)

    def apply(self, control: list[Any], delta: float) -> None:
        throttle, steer, brake, _, _, manual, gear = control
        self._neutral = 0.0 if manual and gear > 0 else self._neutral - delta
        self._car.apply(Control(steer, throttle if self._neutral <= 0.0 else 0.0, brake))
        self.steer, self.braking = self._car.steer, self._car.braking

    def read(self, delta: float) -> None:
        self._car.read()
        self.z = self._car.z
        self._moved(self._car.x, self._car.y, self._car.yaw, self._car.velocity, delta)

    def place(self, pose: Pose) -> None:
        self._car.close()  # a new one has forgotten how its springs were bent
        self._begin(pose)

    def _begin(self, pose: Pose) -> None:
        self._car = self._make((pose.x, -pose.y, math.radians(-pose.yaw)))
        self._car.node.set_name(str(self.number))
        self._moved(self._car.x, self._car.y, self._car.yaw, self._car.velocity, 1.0)
        self.acceleration, self.turning = (0.0, 0.0, 0.0), 0.0

    def push(self, velocity: Vector) -> None:
        self._car.node.set_linear_velocity(Vec3(*velocity))
        self._car.read()

    def close(self) -> None:
        self._car.close()


class Box(_Base):
    """Everybody else: a box on its course, sliding after a crash."""

    def __init__(self, world: BulletWorld, number: int, blueprint: str, pose: Pose, mask: BitMask32) -> None:
        super().__init__(number, blueprint)
        self.free = False
        self.walking: Vector | None = None  # the velocity of a walker
        self._world = world
        bottom = 0.0 if self.size.kind == "walker" else GROUND_CLEARANCE
        self._middle = (self.size.height + bottom) / 2
        self._node = BulletRigidBodyNode(str(number))
        self._node.set_mass(self.size.mass)
        half = Vec3(self.size.length / 2, self.size.width / 2, (self.size.height - bottom) / 2)
        self._node.add_shape(BulletBoxShape(half))
        self._node.set_linear_factor(Vec3(1, 1, 0))
        self._node.set_angular_factor(Vec3(0, 0, 1))
        self._node.set_deactivation_enabled(False)
        self._node.set_into_collide_mask(mask)
        self.place(pose)
        world.attach(self._node)

    def place(self, pose: Pose) -> None:
        self.free = False
        self._moved(pose.x, -pose.y, math.radians(-pose.yaw), (0.0, 0.0, 0.0), 1.0)
        self._set_body()

    def push(self, velocity: Vector) -> None:
        self.speed = math.hypot(velocity[0], velocity[1])

    def apply(self, control: list[Any], delta: float) -> None:
        if self.free:
            return
        if self.walking is not None:
            vx, vy, _ = self.walking
            self.yaw = math.atan2(vy, vx) if vx or vy else self.yaw
            self._set_body(self.walking)
            return
        throttle, steer, brake = control[:3]
        self.steer, self.braking = -steer * FULL_STEER, brake > 0.0
        push = FULL_THROTTLE * throttle - FULL_BRAKE * brake - DRAG * self.speed**2
        speed = max(self.speed + push * delta, 0.0)
        turn = speed * math.tan(self.steer) / (0.6 * self.size.length)
        self._set_body((speed * math.cos(self.yaw), speed * math.sin(self.yaw), 0.0), turn)

    def read(self, delta: float) -> None:
        if not self.free:  # on its course: Bullet only needs to know of it for crashes
            vx, vy, turn = self._course
            x, y, yaw = self.x + vx * delta, self.y + vy * delta, self.yaw + turn * delta
            self._moved(x, y, yaw, (vx, vy, 0.0), delta)
            return
        velocity = self._node.get_linear_velocity()
        velocity *= max(0.0, 1.0 - SLIDING * delta / max(velocity.length(), 1e-6))
        self._node.set_linear_velocity(velocity)
        self._node.set_angular_velocity(self._node.get_angular_velocity() * 0.8)
        transform = self._node.get_transform()
        x, y, _ = transform.get_pos()
        self._moved(x, y, math.radians(transform.get_hpr()[0]), (*velocity.xy, 0.0), delta)

    def _set_body(self, velocity: Vector = (0.0, 0.0, 0.0), turn: float = 0.0) -> None:
        self._node.set_transform(
            TransformState.make_pos_hpr(
                Point3(self.x, self.y, self._middle), Vec3(math.degrees(self.yaw), 0, 0)
            )
        )
        self._node.set_linear_velocity(Vec3(*velocity))
        self._node.set_angular_velocity(Vec3(0, 0, turn))
        self._course = velocity[0], velocity[1], turn

    def close(self) -> None:
        self._world.remove(self._node)


Body = Hero | Box


def make_body(
    world: BulletWorld,
    number: int,
    blueprint: str,
    pose: Pose,
    masks: tuple[BitMask32, BitMask32],
    substeps: int,
) -> Body:
    """The body of a blueprint; `masks` are the collision groups of Bullet vehicles and of boxes."""
    if blueprint == EGO:
        return Hero(world, number, pose, masks[0], 0.05 / substeps, substeps)
    return Box(world, number, blueprint, pose, masks[1])
