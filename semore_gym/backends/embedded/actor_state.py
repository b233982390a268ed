"""What the renderer is told of a road user: plain state, no physics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass
class ActorState:
    """How one road user looks right now.

    The origin is on the ground below the middle of its box; headings are counter-clockwise from x.
    """

    id: int  # unique within an episode; kept by an actor that is placed again
    blueprint: str  # a key of `BODIES`
    x: float  # [m]
    y: float  # [m]
    z: float = 0.0  # [m]
    heading: float = 0.0  # [rad]
    pitch: float = 0.0  # how far its nose is up [rad]
    roll: float = 0.0  # how far its right side is down [rad]
    color: int = 0  # index of its colour; the renderer takes it modulo its palette
    steer: float = 0.0  # angle of its front wheels, positive = left [rad]
    phase: float = 0.0  # distance that it has travelled, which turns wheels and swings legs [m]
    moving: bool = True  # whether it moves: a walker who stands keeps its legs together
    lights: Literal["off", "low", "high"] = "off"
    braking: bool = False
