"""What a simulator must offer to a DrivingEnv, and the data that passes between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy.typing as npt

from semore_gym.scenarios.base import Episode

Image = npt.NDArray[Any]

CHASE_SHAPE = (480, 640, 3)  # of the "chase" picture
IMAGE_KINDS = ("rgb", "segmentation", "depth", "chase")
BENDS_AT = (10.0, 20.0, 40.0, 60.0)  # how far ahead `Surroundings.bends` looks [m]


@dataclass(frozen=True)
class CameraConfig:
    """The ego's roof camera (ERPV Table 5)."""

    width: int = 128  # [px]
    height: int = 128  # [px]
    fov: float = 60.0  # horizontal field of view [deg]
    kinds: tuple[str, ...] = ("rgb",)  # those of `IMAGE_KINDS` that will be asked for at every step


@dataclass(frozen=True)
class Control:
    """What the driver does during one tick."""

    steer: float = 0.0  # [-1, 1], negative = left
    throttle: float = 0.0  # [0, 1]
    brake: float = 0.0  # [0, 1]


@dataclass(frozen=True)
class Tick:
    """What the simulator reports of the ego vehicle after one tick of `dt` seconds."""

    frame: int  # the simulator's own count of ticks
    speed: float  # [m/s], >= 0
    lane_speed: float  # speed along the lane's direction, negative when driving against it [m/s]
    yaw: float  # heading in the world, counter-clockwise [deg]
    lane_offset: float  # distance from the centre of the lane under the ego, positive = left [m]
    heading_error: float  # yaw less the lane's direction, in [-180, 180), positive = turned left [deg]
    lane_invasions: int  # lane marks that a wheel came onto in this tick
    impulse: float  # sum of the norms of the collision impulses on the ego in this tick [N*s]
    contact: bool  # whether anything but the road's surface touched the ego
    person_hit_speed: float  # speed at which it hit a walker or rider, along its heading; 0 = none [m/s]
    off_road: bool  # whether the ego's centre is outside the drivable lanes
    edge_left: float  # distance of its centre to the drivable lanes' left edge, negative beyond it [m]
    edge_right: float  # distance of its centre to their right edge, negative beyond it [m]
    gap: float  # distance, bumper to bumper, to what is ahead in the ego's path; inf if nothing [m]
    time_to_collision: float  # gap / closing speed; inf if nothing or not closing [s]


@dataclass(frozen=True)
class RoadUser:
    """Another road user as the ego sees it, in metres along the road and across it.

    "Ahead" is along the lane under the ego, the way that the ego faces; "left" is to the left of that.
    """

    kind: Literal["walker", "bicycle", "vehicle"]
    ahead: float  # how far its middle is ahead of the ego's, negative = behind [m]
    left: float  # how far its middle is to the left of the ego's, negative = to the right [m]
    speed_ahead: float  # its speed over ground, ahead [m/s]
    speed_left: float  # its speed over ground, to the left [m/s]
    half_length: float  # [m]
    half_width: float  # [m]


@dataclass(frozen=True)
class Surroundings:
    """What is around the ego, in numbers."""

    half_length: float  # half of the ego's length [m]
    half_width: float  # half of the ego's width [m]
    bends: tuple[float, ...]  # curvature of the road at `BENDS_AT`, positive = turning left [1/m]
    others: tuple[RoadUser, ...]  # everybody else, wherever they are


class Backend(Protocol):
    """One simulated world with one ego vehicle; every DrivingEnv owns one.

    `reset` starts an episode, `tick` advances it by `dt`, `image` looks at the state that the last of
    these left. A backend knows roads, actors and weather, never the name of a scenario or a reward.
    """

    name: str
    dt: float  # duration of a tick [s]

    def reset(self, episode: Episode) -> Tick:
        """Place everything that `episode` lists, at rest or at cruising speed, and report.

        Raises:
            SimulatorError: If trying again is of no use; a backend that can be lost gives up after some
                failures in a row, those in `tick` and `image` included.
        """

    def tick(self, control: Control) -> Tick:
        """Apply `control` for one tick and report.

        Raises:
            SimulatorError: If the simulator is lost; the episode cannot go on.
        """

    def image(self, kind: str) -> Image:
        """What is seen now.

        Args:
            kind: "rgb" (H, W, 3) uint8; "segmentation" (H, W) uint8, see `SemanticTag`; "depth" (H, W)
                float32 in metres along the optical axis, at most 1000; all three from the roof camera and
                pixel-aligned; or "chase" (480, 640, 3) uint8, from behind and above the ego.

        Raises:
            SimulatorError: If the simulator is lost; the episode cannot go on.
        """

    def surroundings(self) -> Surroundings:
        """Where the road goes and where everybody is, without drawing anything.

        Raises:
            SimulatorError: If the simulator is lost; the episode cannot go on.
        """

    def scripted_control(self) -> Control:
        """What a careful driver who knows the simulator's state would do now."""

    def close(self) -> None:
        """Free everything; may be called twice."""


class SimulatorError(RuntimeError):
    """The simulator was lost in the middle of an episode."""
