"""Bullet bodies of the road users near the ego."""

from __future__ import annotations

import math

import numpy as np
from panda3d.bullet import BulletBoxShape, BulletRigidBodyNode, BulletWorld
from panda3d.core import BitMask32, Point3, TransformState, Vec3

from semore_gym.backends.embedded.physics.road_users import RoadUsers
from semore_gym.backends.embedded.physics.vehicle import GRAVITY, GROUND_CLEARANCE

REACH = 20.0  # along the road from the ego, where others have a body; farther ones are only numbers [m]
SLIDING = 0.7 * GRAVITY  # deceleration of what a crash has pushed away [m/s2]
SPIN_LEFT = 0.8  # share of its yaw rate that is left after a tick


class Bodies:
    """Boxes for Bullet, kept in step with the road users' rows.

    While somebody drives or walks, the body is put on its course each tick, with the velocity that takes it
    to the end of it, so that a crash meets the right mass and speed. From the first crash on the body slides
    and the row follows it. Bodies stay level.

    Attributes:
        near: Rows that have a body in the world now, in the order in which they came.

    Args:
        world: The Bullet world.
        users: The rows.
        driven_mask: Collision groups of those on their course.
        free_mask: Collision groups of those who slide.
    """

    def __init__(
        self, world: BulletWorld, users: RoadUsers, driven_mask: BitMask32, free_mask: BitMask32
    ) -> None:
        self._world = world
        self._users = users
        self._masks = driven_mask, free_mask
        self._made: dict[int, BulletRigidBodyNode] = {}
        self.near: list[int] = []
        self._at_rest = [False] * len(users.specs)
        self.remember()

    def remember(self) -> None:
        """Take note of where everybody is, before they move on."""
        u = self._users
        self._before = u.s.copy(), u.t.copy(), u.turn.copy()

    def guide(self, dt: float) -> None:
        """Give bodies to those near the ego and set them on their course for a tick of `dt` [s]."""
        u = self._users
        wanted: list[bool] = ((np.abs(u.s[:-1] - u.s[-1]) < REACH) | u.free[:-1]).tolist()
        for row, is_wanted in enumerate(wanted):
            if is_wanted and row not in self.near:
                self._attach(row)
            elif not is_wanted and row in self.near:
                self._detach(row)
        for row in self.near:
            if not u.free[row]:
                self._set_course(row, dt)

    def _set_course(self, row: int, dt: float) -> None:
        u = self._users
        standing = u.along[row] == 0.0 and u.across[row] == 0.0
        if standing and self._at_rest[row]:
            return
        self._at_rest[row] = bool(standing)
        s, t, turn = (float(column[row]) for column in self._before)
        x, y, heading = u.road.pose(s, t)
        next_x, next_y, next_heading = u.road.pose(float(u.s[row]), float(u.t[row]))
        body = self._made[row]
        body.set_transform(
            TransformState.make_pos_hpr(
                Point3(x, y, self._height(row)), Vec3(math.degrees(heading + turn), 0, 0)
            )
        )
        body.set_linear_velocity(Vec3((next_x - x) / dt, (next_y - y) / dt, 0))
        body.set_angular_velocity(Vec3(0, 0, (next_heading - heading) / dt))

    def release(self, row: int) -> None:
        """Let Bullet alone move the body of `row` from now on."""
        self._users.free[row] = True
        self._made[row].set_into_collide_mask(self._masks[1])

    def read(self, dt: float) -> None:
        """Let the rows of sliding bodies follow them, and slow these down by friction."""
        u = self._users
        for row in self.near:
            if not u.free[row]:
                continue
            body = self._made[row]
            velocity = body.get_linear_velocity()
            speed = velocity.length()
            velocity *= max(0.0, 1.0 - SLIDING * dt / max(speed, 1e-6))
            body.set_linear_velocity(velocity)
            body.set_angular_velocity(body.get_angular_velocity() * SPIN_LEFT)
            transform = body.get_transform()
            x, y, _ = transform.get_pos()
            s, t = u.road.locate(x, y, float(u.s[row]))
            heading = u.road.pose(s)[2]
            cos, sin = math.cos(heading), math.sin(heading)
            u.s[row], u.t[row], u.goal[row] = s, t, t
            u.along[row] = velocity[0] * cos + velocity[1] * sin
            u.across[row] = velocity[1] * cos - velocity[0] * sin
            u.turn[row] = math.radians(transform.get_hpr()[0]) - heading
            u.travelled[row] += speed * dt

    def forget(self, row: int) -> None:
        """`row` has been placed anew: it is driven again."""
        if row in self.near:
            self._detach(row)
        self._users.free[row] = False
        self._made.pop(row, None)

    def close(self) -> None:
        """Take all bodies out of the world."""
        for row in list(self.near):
            self._detach(row)
        self._made.clear()

    def _height(self, row: int) -> float:
        body = self._users.bodies[row]
        return (body.height + (0.0 if body.kind == "walker" else GROUND_CLEARANCE)) / 2

    def _attach(self, row: int) -> None:
        if row not in self._made:
            self._made[row] = self._make(row)
        self.near.append(row)
        self._at_rest[row] = False
        self._world.attach(self._made[row])

    def _detach(self, row: int) -> None:
        self.near.remove(row)
        self._world.remove(self._made[row])

    def _make(self, row: int) -> BulletRigidBodyNode:
        size = self._users.bodies[row]
        bottom = 0.0 if size.kind == "walker" else GROUND_CLEARANCE
        body = BulletRigidBodyNode(str(row))
        body.set_mass(size.mass)
        body.add_shape(BulletBoxShape(Vec3(size.length / 2, size.width / 2, (size.height - bottom) / 2)))
        body.set_linear_factor(Vec3(1, 1, 0))
        body.set_angular_factor(Vec3(0, 0, 1))
        body.set_deactivation_enabled(False)
        body.set_into_collide_mask(self._masks[0])
        return body
