"""All road users of an episode as arrays, one row each, the last row the ego."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt

from semore_gym.backends.embedded.actor_state import ActorState
from semore_gym.backends.embedded.blueprints import BODIES, EGO
from semore_gym.backends.embedded.roads import Road
from semore_gym.scenarios.base import Cross, Cruise, Episode

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Lights = Literal["off", "low", "high"]

SIGHT = 150.0  # how far ahead a leader is looked for [m]
COLORS = 24  # how many looks there are of each body
ELBOW_ROOM = 0.2  # sideways, that traffic keeps when it looks for a leader [m]


class RoadUsers:
    """Where everybody is and how they move, in road coordinates.

    Attributes:
        s: Where they are along the road [m].
        t: How far they are to the left of its reference line [m].
        goal: The `t` that somebody is heading for [m].
        along: Velocity along the road, at their own offset [m/s].
        across: Velocity to the left of it [m/s].
        turn: Heading less the road's [rad].
        turn_at_rest: The `turn` at the start: along the lane, or on foot towards the road [rad].
        stretch: Length that they travel per metre of the reference line, 1 - curvature * t.
        travelled: Distance covered since the start [m].
        braking: Whether their brake lights shine.
        free: Whether a crash has made a driven body a sliding one.
        gap: Distance, bumper to bumper, to what is ahead in the path; inf if nothing within `SIGHT` [m].
        closing: Speed at which that gap shrinks [m/s].

    Args:
        episode: Who is where at the start.
        road: The road they are on.
        rng: Draws colours.
    """

    def __init__(self, episode: Episode, road: Road, rng: np.random.Generator) -> None:
        self.specs = episode.actors
        self.road = road
        names = [spec.blueprint for spec in self.specs] + [EGO]
        self.bodies = [BODIES[name] for name in names]
        lanes = [spec.lane for spec in self.specs] + [episode.ego.lane]
        offsets = [spec.offset for spec in self.specs] + [0.0]
        centers = [road.lanes[lane].center for lane in lanes]
        speeds = [spec.behaviour.speed if isinstance(spec.behaviour, Cruise) else 0.0 for spec in self.specs]
        self.direction: Floats = np.array([float(road.direction(lane)) for lane in lanes])
        self.s: Floats = np.array([spec.s for spec in self.specs] + [episode.ego.s])
        self.t: Floats = np.array(centers) + np.array(offsets)
        self.goal: Floats = self.t.copy()
        self.along: Floats = self.direction * np.array([*speeds, 0.0])
        self.across: Floats = np.zeros(len(names))
        on_foot = np.array([body.kind == "walker" for body in self.bodies])
        along_lane = np.where(self.direction > 0, 0.0, math.pi)
        self.turn_at_rest: Floats = np.where(on_foot, -np.copysign(math.pi / 2, self.t), along_lane)
        self.turn: Floats = self.turn_at_rest.copy()
        self.travelled: Floats = np.zeros(len(names))
        self.braking: Bools = np.zeros(len(names), bool)
        self.free: Bools = np.zeros(len(names), bool)
        self._measure()
        colors = rng.integers(COLORS, size=len(names)).tolist()
        lights = self._lights(episode.weather.is_dark)
        self.states = [
            ActorState(i, name, 0.0, 0.0, color=colors[i], lights=lights[i]) for i, name in enumerate(names)
        ]
        self.look_ahead()

    def _lights(self, dark: bool) -> list[Lights]:
        """Everybody's lights; in the dark who drives without any, the ego too, has low beams."""
        low: Lights = "low" if dark else "off"
        driving = [isinstance(spec.behaviour, Cruise) for spec in self.specs]
        return [
            low if spec.lights == "off" and drives else spec.lights
            for spec, drives in zip(self.specs, driving, strict=True)
        ] + [low]

    def _measure(self) -> None:
        """Prepare the sizes that every look ahead compares with."""
        # who crosses the road turns sideways: a square of the longer side serves both ways
        square = [isinstance(spec.behaviour, Cross) for spec in self.specs] + [False]
        longer = np.array([max(body.length, body.width) for body in self.bodies])
        self.half_length: Floats = np.where(square, longer, [body.length for body in self.bodies]) / 2
        self.half_width: Floats = np.where(square, longer, [body.width for body in self.bodies]) / 2
        room = np.append(np.full(len(self.specs), ELBOW_ROOM), 0.0)
        self._reach = self.half_width[:, None] + self.half_width[None, :] + room[:, None]
        self._lengths = self.half_length[:, None] + self.half_length[None, :]
        self._rows = np.arange(len(self.bodies))
        self._ahead: Floats = np.empty_like(self._lengths)
        self._aside: Floats = np.empty_like(self._lengths)

    def look_ahead(self) -> None:
        """Find everybody's leader: the nearest one whose body overlaps the strip swept along the road."""
        self.stretch: Floats = 1.0 - self.road.curvatures(self.s) * self.t
        ahead, aside = self._ahead, self._aside  # (N, N), row looks at column
        np.subtract(self.s, self.s[:, None], out=ahead)
        ahead *= (self.direction * self.stretch)[:, None]
        np.abs(np.subtract(self.t, self.t[:, None], out=aside), out=aside)
        if (self.goal != self.t).any():
            np.minimum(aside, np.abs(self.t - self.goal[:, None]), out=aside)
        off_path = aside >= self._reach
        off_path |= ahead <= 0.0
        ahead -= self._lengths
        np.copyto(ahead, np.inf, where=off_path)
        leader = ahead.argmin(axis=1)
        gap = ahead[self._rows, leader]
        self.gap: Floats = np.where(gap < SIGHT, gap, np.inf)
        self.closing: Floats = self.direction * (self.along - self.along[leader])

    def update_states(self) -> list[ActorState]:
        """Bring the states of all but the ego up to date.

        Returns:
            One state each, in the scenario's order; the same objects every time.
        """
        x, y, heading = self.road.poses(self.s, self.t)
        columns = zip(
            x.tolist(),
            y.tolist(),
            (heading + self.turn).tolist(),
            self.travelled.tolist(),
            (np.abs(self.along) + np.abs(self.across) > 0.05).tolist(),
            self.braking.tolist(),
            self.states,
            strict=True,
        )
        for x_now, y_now, yaw, travelled, moving, braking, state in columns:
            state.x, state.y, state.heading = x_now, y_now, yaw
            state.phase, state.moving, state.braking = travelled, moving, braking
        return self.states[:-1]
