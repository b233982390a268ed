"""What the streams carry, byte for byte."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

import msgpack
import numpy as np
import numpy.typing as npt

COLLISION, DEPTH, RGB, SEMANTIC, WORLD = 0, 1, 13, 14, 17  # the sensor types of the library's registry
ACTOR_BYTES = 119


@dataclass
class Pose:
    """A CARLA transform: metres and degrees, left-handed (y to the right of x)."""

    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    pitch: float = 0.0
    yaw: float = 0.0
    roll: float = 0.0

    @classmethod
    def of(cls, transform: Any) -> Pose:
        """From [[x, y, z], [pitch, yaw, roll]], as calls carry it."""
        return cls(*transform[0], *transform[1])

    def packed(self) -> list[list[float]]:
        """As calls carry it."""
        return [[self.x, self.y, self.z], [self.pitch, self.yaw, self.roll]]

    def floats(self) -> tuple[float, ...]:
        """As streams carry it."""
        return self.x, self.y, self.z, self.pitch, self.yaw, self.roll


@dataclass
class ActorSnapshot:
    """One actor's part of a world snapshot."""

    id: int
    pose: Pose
    velocity: tuple[float, float, float] = (0.0, 0.0, 0.0)  # [m/s]
    turning: tuple[float, float, float] = (0.0, 0.0, 0.0)  # [deg/s]
    acceleration: tuple[float, float, float] = (0.0, 0.0, 0.0)  # [m/s2]
    detail: bytes = field(default=b"")


def header(kind: int, frame: int, elapsed: float, pose: Pose) -> bytes:
    """The 48 bytes before every sensor's data."""
    return struct.pack("<QQd6f", kind, frame, elapsed, *pose.floats())


def vehicle_detail(control: list[Any], speed_limit: float) -> bytes:
    """A vehicle's own part of its state: its control, limit and traffic light."""
    throttle, steer, brake, hand, reverse, manual, gear = control
    return struct.pack(
        "<3f3?if", throttle, steer, brake, hand, reverse, manual, gear, speed_limit
    ) + struct.pack("<B?IB", 3, False, 0, 0)


def walker_detail(direction: tuple[float, float, float], speed: float) -> bytes:
    """A walker's own part of its state."""
    return struct.pack("<4f?", *direction, speed, False)


def snapshot(episode: int, now: float, delta: float, actors: list[ActorSnapshot]) -> bytes:
    """The body of a world snapshot."""
    rows = [
        struct.pack(
            "<IB15f",
            actor.id,
            1,
            *actor.pose.floats(),
            *actor.velocity,
            *actor.turning,
            *actor.acceleration,
        )
        + actor.detail.ljust(54, b"\0")
        for actor in actors
    ]
    assert all(len(row) == ACTOR_BYTES for row in rows)
    return struct.pack("<Qdf3iI", episode, now, delta, 0, 0, 0, 0) + b"".join(rows)


def picture(pixels: npt.NDArray[np.uint8], fov: float) -> bytes:
    """The body of an image: (H, W, 3) RGB as BGRA."""
    height, width = pixels.shape[:2]
    bgra = np.full((height, width, 4), 255, np.uint8)
    bgra[..., :3] = pixels[..., ::-1]
    return struct.pack("<IIf", width, height, fov) + bgra.tobytes()


def collision(ours: list[Any], other: list[Any], impulse: tuple[float, float, float]) -> bytes:
    """The body of a collision event: two actor descriptions and N*s."""
    packed: bytes = msgpack.packb([ours, other, list(impulse)], use_bin_type=True)
    return packed
