"""The ego: a Bullet raycast vehicle with the measures of vehicle.tesla.model3."""

from __future__ import annotations

import math
from typing import Any

from panda3d.bullet import BulletBoxShape, BulletRigidBodyNode, BulletVehicle, BulletWorld
from panda3d.core import BitMask32, NodePath, Point3, TransformState, Vec3

from semore_gym.backends.base import Control
from semore_gym.backends.embedded.blueprints import BODIES, EGO

BODY = BODIES[EGO]
WHEELBASE = 2.875  # [m]
TRACK = 1.58  # between the middles of left and right wheels [m]
WHEEL_RADIUS = 0.35  # [m]
CENTRE_OF_MASS = 0.45  # above the ground at rest [m]
GROUND_CLEARANCE = 0.25  # [m]
GRAVITY = 9.81  # [m/s2]

DRIVE_FORCE = 7000.0  # at full throttle, up to the speed where the power runs out [N]
DRIVE_POWER = 150e3  # [W]
TOP_SPEED = 50.0  # where the drive is cut off [m/s]
BRAKE_FORCE = 9.5 * BODY.mass  # all wheels together [N]
FRONT_BRAKE_SHARE = 0.65  # the load on the front axle while braking hard
ROLLING_RESISTANCE = 0.015 * BODY.mass * GRAVITY  # [N]
DRAG = 0.5 * 1.2 * 0.23 * 2.22  # half air density x drag coefficient x frontal area [N s2/m2]

MAX_STEER = math.radians(35.0)  # of the front wheels, at walking pace [rad]
MAX_LATERAL = 7.0  # acceleration that full steer asks for at speed [m/s2]

SUSPENSION_STIFFNESS = 40.0  # per wheel and kg of chassis [1/s2]
SUSPENSION_LENGTH = 0.40  # without load, as Panda3D makes every wheel [m]
COMPRESSION_DAMPING = 0.3 * 2.0 * math.sqrt(SUSPENSION_STIFFNESS)  # 0.3 of critical [1/s]
RELAXATION_DAMPING = 0.5 * 2.0 * math.sqrt(SUSPENSION_STIFFNESS)  # 0.5 of critical [1/s]
TYRE_FRICTION = 1.1
ROLL_INFLUENCE = 0.1  # of the height at which side forces act; keeps the car from tipping over


def steer_limit(speed: float) -> float:
    """Angle of the front wheels at full steer.

    CARLA turns this car's wheels by up to 70 deg, falling to 70% of that at 120 km/h, which spins it at
    speed. Here full steer asks for `MAX_LATERAL` (kinematic bicycle: a = v^2 tan(angle) / wheelbase), below
    the tyres' grip, so a driver who turns the wheel at random slides and rolls over at no speed.

    Args:
        speed: In m/s.

    Returns:
        The angle [rad].
    """
    return min(MAX_STEER, math.atan(WHEELBASE * MAX_LATERAL / max(speed * speed, 1e-6)))


def drive_force(throttle: float, brake: float, speed: float) -> float:
    """Force along the road that pedals and resistances ask for.

    Args:
        throttle: In [0, 1].
        brake: In [0, 1].
        speed: In m/s.

    Returns:
        The force [N]; what is negative only slows the car down, there is no reverse gear.
    """
    drive = min(DRIVE_FORCE, DRIVE_POWER / max(speed, 1.0)) if speed < TOP_SPEED else 0.0
    return throttle * drive - brake * BRAKE_FORCE - ROLLING_RESISTANCE - DRAG * speed * speed


class EgoVehicle:
    """The ego's chassis and wheels in a Bullet world.

    Args:
        world: The world to put it into.
        pose: x [m], y [m] and heading, counter-clockwise from x [rad].
        substep: Duration of a physics step [s]; Bullet's brakes are impulses per step.
        substeps: Physics steps in a tick.
        mask: Bullet collision groups.
    """

    def __init__(
        self,
        world: BulletWorld,
        pose: tuple[float, float, float],
        substep: float,
        substeps: int,
        mask: BitMask32,
    ) -> None:
        self._world = world
        self._substep = substep
        self._substeps = substeps
        self.node = BulletRigidBodyNode("ego")
        self.node.set_mass(BODY.mass)
        half_height = (BODY.height - GROUND_CLEARANCE) / 2
        self.node.add_shape(
            BulletBoxShape(Vec3(BODY.length / 2, BODY.width / 2, half_height)),
            TransformState.make_pos(Point3(0, 0, GROUND_CLEARANCE + half_height - CENTRE_OF_MASS)),
        )
        self.node.set_deactivation_enabled(False)
        self.node.set_friction(0.3)
        self.node.set_into_collide_mask(mask)
        self._path = NodePath(self.node)
        self._path.set_pos_hpr(pose[0], pose[1], CENTRE_OF_MASS, math.degrees(pose[2]), 0, 0)
        world.attach(self.node)
        self._vehicle = BulletVehicle(world, self.node)
        world.attach(self._vehicle)
        self._wheels = [self._wheel(front, left) for front in (1, -1) for left in (1, -1)]
        self.steer = 0.0  # angle of the front wheels, positive = left [rad]
        self.travelled = 0.0  # [m]
        self.braking = False
        self.read()

    def _wheel(self, front: int, left: int) -> Any:
        sag = GRAVITY / 4 / SUSPENSION_STIFFNESS
        height = WHEEL_RADIUS + SUSPENSION_LENGTH - sag - CENTRE_OF_MASS
        wheel = self._vehicle.create_wheel()
        wheel.set_chassis_connection_point_cs(Point3(front * WHEELBASE / 2, left * TRACK / 2, height))
        wheel.set_front_wheel(front > 0)
        wheel.set_wheel_direction_cs(Vec3(0, 0, -1))
        wheel.set_wheel_axle_cs(Vec3(0, -1, 0))  # to the right, so that "forward" is along x
        wheel.set_wheel_radius(WHEEL_RADIUS)
        wheel.set_suspension_stiffness(SUSPENSION_STIFFNESS)
        wheel.set_max_suspension_travel_cm(25.0)
        wheel.set_max_suspension_force(4.0 * BODY.mass * GRAVITY)
        wheel.set_wheels_damping_compression(COMPRESSION_DAMPING)
        wheel.set_wheels_damping_relaxation(RELAXATION_DAMPING)
        wheel.set_friction_slip(TYRE_FRICTION)
        wheel.set_roll_influence(ROLL_INFLUENCE)
        return wheel

    def apply(self, control: Control) -> None:
        """Set wheels, drive and brakes for the coming tick."""
        self.steer = -control.steer * steer_limit(self.speed)
        self.braking = control.brake > 0.0
        force = drive_force(control.throttle, control.brake, self.speed)
        # Bullet ignores the brake of a wheel with engine force: a wheel gets one or the other
        engine = max(force, 0.0) / 4
        # each braked wheel stops the car alone, so near standstill four would throw it back and forth
        stop = min(max(-force, 0.0) * self._substep, BODY.mass * self.speed / self._substeps) / 2
        degrees = math.degrees(self.steer)
        for i in range(4):
            share = FRONT_BRAKE_SHARE if i < 2 else 1.0 - FRONT_BRAKE_SHARE
            self._vehicle.apply_engine_force(engine, i)
            self._vehicle.set_brake(stop * share, i)
        self._vehicle.set_steering_value(degrees, 0)
        self._vehicle.set_steering_value(degrees, 1)

    def read(self) -> None:
        """Take over position, attitude and velocity from Bullet."""
        x, y, z = self._path.get_pos()
        w, i, j, k = self._path.get_quat()
        self.velocity: tuple[float, float, float] = tuple(self.node.get_linear_velocity())
        self.x, self.y, self.z = float(x), float(y), float(z) - CENTRE_OF_MASS
        self.yaw = math.atan2(2 * (w * k + i * j), 1 - 2 * (j * j + k * k))
        self.pitch = math.asin(min(max(2 * (i * k - w * j), -1.0), 1.0))
        self.roll = math.asin(min(max(2 * (j * k + w * i), -1.0), 1.0))
        self.speed = math.hypot(self.velocity[0], self.velocity[1])

    def close(self) -> None:
        """Take the vehicle, and with it its chassis, out of its world."""
        self._world.remove(self._vehicle)
