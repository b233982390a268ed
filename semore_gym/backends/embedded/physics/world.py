"""One episode's physics: the ego, everybody around it, and what touches what."""

from __future__ import annotations

import math

import numpy as np
from panda3d.bullet import BulletPlaneShape, BulletRigidBodyNode, BulletWorld
from panda3d.core import BitMask32, ConfigVariableBool, Point3, TransformState, Vec3

from semore_gym.backends.base import Control
from semore_gym.backends.embedded.actor_state import ActorState
from semore_gym.backends.embedded.physics.bodies import Bodies
from semore_gym.backends.embedded.physics.respawn import Respawner
from semore_gym.backends.embedded.physics.road_users import RoadUsers
from semore_gym.backends.embedded.physics.traffic import Traffic
from semore_gym.backends.embedded.physics.vehicle import GRAVITY, EgoVehicle
from semore_gym.backends.embedded.physics.walkers import Walkers
from semore_gym.backends.embedded.roads import Road
from semore_gym.scenarios.base import Episode

# Panda3D keeps every transform that Bullet makes in a cache which only its task manager empties, and there
# is none here: some 6 KB a tick would never be freed.
ConfigVariableBool("transform-cache").set_value(False)

DT = 0.05  # duration of a tick [s]
SUBSTEPS = 5
RESPAWN_PERIOD = 10  # [ticks]
TOUCH = 0.01  # bodies closer than this are in contact [m]
WALL_GAP = 0.3  # from the outermost lane's edge, or from the middle of a median, to a wall [m]
WALL_NEAR = 4.0  # a wall has a body when the ego's centre is closer than this [m]
PEOPLE = ("walker", "bicycle")

# Bullet collision groups: two bodies collide when they share a bit
GROUND, WALLS, ACTORS = (BitMask32.bit(i) for i in range(3))


class World:
    """Everything that moves in one episode; made anew for each.

    Attributes:
        impulse: Sum of the norms of the collision impulses on the ego in the last tick [N*s].
        contact: Whether anything but the ground touched the ego in the last tick.
        person_hit_speed: The speed at which it ran into a walker or rider, along its heading; 0 = none [m/s].

    Args:
        episode: Who is where.
        road: The road that its location names.
    """

    def __init__(self, episode: Episode, road: Road) -> None:
        self.road = road
        self.frame = 0
        rng = np.random.default_rng(episode.seed)
        self.users = RoadUsers(episode, road, rng)
        self.traffic = Traffic(self.users)
        self.walkers = Walkers(self.users, DT, rng)
        self._respawner = Respawner(self.users, self.walkers, rng)
        self._bullet = BulletWorld()
        self._bullet.set_gravity(Vec3(0, 0, -GRAVITY))
        self._ground = _plane("ground", Vec3(0, 0, 1), GROUND)
        self._bullet.attach(self._ground)
        self._walls = _walls(road, -1.0 if episode.ego.lane < 0 else 1.0)
        self._near_walls: list[int] = []
        pose = road.pose(episode.ego.s, float(self.users.t[-1]))
        self.ego = EgoVehicle(self._bullet, pose, DT / SUBSTEPS, SUBSTEPS, GROUND | WALLS | ACTORS)
        self.bodies = Bodies(self._bullet, self.users, ACTORS, ACTORS | WALLS)
        self._clear_contacts()

    def tick(self, control: Control) -> None:
        """Move everybody on by `DT`."""
        self.frame += 1
        self.bodies.remember()
        self.traffic.step(DT)
        self.walkers.step()
        self.bodies.guide(DT)
        self._place_walls()
        self._clear_contacts()
        self.ego.apply(control)
        self._step_physics()
        self._read_ego()
        self.bodies.read(DT)
        if self.frame % RESPAWN_PERIOD == 0:
            for row in self._respawner.step():
                self.bodies.forget(row)
        self.users.look_ahead()

    def actor_states(self) -> tuple[ActorState, list[ActorState]]:
        """What to draw: the ego and all others."""
        others = self.users.update_states()
        ego, state = self.ego, self.users.states[-1]
        state.x, state.y, state.z = ego.x, ego.y, ego.z
        state.heading, state.pitch, state.roll = ego.yaw, ego.pitch, ego.roll
        state.steer, state.braking, state.phase = ego.steer, ego.braking, ego.travelled
        return state, others

    def close(self) -> None:
        """Take everything out of the Bullet world."""
        self.bodies.close()
        self.ego.close()
        for i in self._near_walls:
            self._bullet.remove(self._walls[i][1])
        self._near_walls = []
        self._bullet.remove(self._ground)

    def _step_physics(self) -> None:
        """Advance Bullet by `DT`."""
        if not self.bodies.near and not self._near_walls:
            self._bullet.do_physics(DT, SUBSTEPS, DT / SUBSTEPS)
            return
        for _ in range(SUBSTEPS):
            # one at a time, since Bullet forgets the impulses of a substep in the next one
            self._bullet.do_physics(DT / SUBSTEPS, 1, DT / SUBSTEPS)
            self._collect_contacts()

    def _clear_contacts(self) -> None:
        self.impulse = 0.0
        self.contact = False
        self.person_hit_speed = 0.0

    def _collect_contacts(self) -> None:
        """Add up what touched what in the last substep; whoever crashed slides from now on."""
        for manifold in self._bullet.get_manifolds():
            if not manifold.get_num_manifold_points():
                continue
            names = manifold.get_node0().get_name(), manifold.get_node1().get_name()
            if "ground" in names:
                continue
            points = manifold.get_manifold_points()
            impulse = sum(point.get_applied_impulse() for point in points)
            if impulse == 0.0 and all(point.get_distance() > TOUCH for point in points):
                continue
            rows = [int(name) for name in names if name.isdigit()]
            if "ego" in names:
                self.impulse += impulse
                self.contact = True
                if impulse > 0.0:
                    self._note_person(rows)
            if impulse > 0.0 and ("ego" in names or self.users.free[rows].any()):
                for row in rows:
                    self.bodies.release(row)

    def _note_person(self, rows: list[int]) -> None:
        """Keep the highest speed, before this tick, at which the ego ran into a person.

        What they walk across its path does not count: nobody is run over by a car that stands.
        """
        u = self.users
        turn = float(u.turn[-1])
        for row in rows:
            if u.bodies[row].kind in PEOPLE:
                along, across = float(u.along[-1] - u.along[row]), float(u.across[-1] - u.across[row])
                speed = along * math.cos(turn) + across * math.sin(turn)
                self.person_hit_speed = max(self.person_hit_speed, speed)

    def _read_ego(self) -> None:
        """Bring the ego's row up to date with its body."""
        u, ego = self.users, self.ego
        ego.read()
        ego.travelled += ego.speed * DT
        s, t = self.road.locate(ego.x, ego.y, float(u.s[-1]) + float(u.along[-1]) * DT)
        _, _, heading = self.road.pose(s)
        cos, sin = math.cos(heading), math.sin(heading)
        u.s[-1], u.t[-1] = s, t
        u.goal[-1] = t
        u.along[-1] = ego.velocity[0] * cos + ego.velocity[1] * sin
        u.across[-1] = ego.velocity[1] * cos - ego.velocity[0] * sin
        u.turn[-1] = math.remainder(ego.yaw - heading, math.tau)

    def _place_walls(self) -> None:
        """Put walls close to the ego where they touch the road's edge: planes, tangent to it."""
        s, t = float(self.users.s[-1]), float(self.users.t[-1])
        for i, (offset, body) in enumerate(self._walls):
            if abs(t - offset) < WALL_NEAR:
                x, y, heading = self.road.pose(s, offset)
                turn = Vec3(math.degrees(heading), 0, 0)
                body.set_transform(TransformState.make_pos_hpr(Point3(x, y, 0), turn))
                if i not in self._near_walls:
                    self._near_walls.append(i)
                    self._bullet.attach(body)
            elif i in self._near_walls:
                self._near_walls.remove(i)
                self._bullet.remove(body)


def _plane(name: str, normal: Vec3, mask: BitMask32) -> BulletRigidBodyNode:
    body = BulletRigidBodyNode(name)
    body.add_shape(BulletPlaneShape(normal, 0))
    body.set_into_collide_mask(mask)
    body.set_friction(0.5)
    return body


def _walls(road: Road, side: float) -> list[tuple[float, BulletRigidBodyNode]]:
    """Barriers or house fronts that bound the carriageway on `side`: their offsets [m] and bodies."""
    right = min(lane.right for lane in road.lanes.values()) - WALL_GAP
    left = max(lane.left for lane in road.lanes.values()) + WALL_GAP
    if any(lane.kind == "median" for lane in road.lanes.values()):
        right, left = (right, -WALL_GAP) if side < 0 else (WALL_GAP, left)
    return [
        (right, _plane("wall", Vec3(0, 1, 0), WALLS)),
        (left, _plane("wall", Vec3(0, -1, 0), WALLS)),
    ]
