"""Lamps that shine into a camera."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from panda3d.core import Point2, Point3

from semore_gym.backends.embedded.actor_state import ActorState
from semore_gym.backends.embedded.blueprints import BODIES
from semore_gym.backends.embedded.drawing.canvas import Canvas
from semore_gym.backends.embedded.drawing.daylight import Daylight
from semore_gym.backends.embedded.drawing.lens import Glare

STRENGTHS = {"off": 0.0, "low": 0.35, "high": 1.0}
RANGE = 220.0  # [m]
WHITE = (1.0, 0.97, 0.86)
RED = (1.0, 0.12, 0.08)
FAINTEST = 0.02  # strength that nobody sees
BY_DAY = 0.12  # how much of a glare is left in daylight


def glares(canvas: Canvas, scene: Any, actors: Sequence[ActorState], light: Daylight) -> list[Glare]:
    """The lamps of `actors` that face the camera, wherever they are seen in the picture."""
    found: list[Glare] = []
    part = 1.0 if light.night else BY_DAY
    for actor in actors:
        if actor.lights == "off" and not actor.braking:
            continue
        body = BODIES[actor.blueprint]
        if body.kind not in ("car", "truck"):
            continue
        camera = canvas.node.get_pos(scene)
        dx, dy = camera.x - actor.x, camera.y - actor.y
        distance = math.hypot(dx, dy)
        if not 3.0 < distance < RANGE:
            continue
        facing = (dx * math.cos(actor.heading) + dy * math.sin(actor.heading)) / distance
        if facing > 0.0:
            strength = STRENGTHS[actor.lights] * facing**6
            ahead, color, height = body.length / 2, WHITE, 0.36 * body.height
        else:
            strength = (0.16 if actor.braking else 0.06) * facing**2
            ahead, color, height = -body.length / 2, RED, 0.47 * body.height
        strength *= part / (1.0 + (distance / 60.0) ** 2) ** 0.5
        if strength < FAINTEST:
            continue
        for side in (-0.36, 0.36):
            glare = _project(canvas, scene, actor, ahead, side * body.width, height, strength, color)
            if glare is not None:
                found.append(glare)
    return found


def _project(
    canvas: Canvas,
    scene: Any,
    actor: ActorState,
    ahead: float,
    left: float,
    up: float,
    strength: float,
    color: tuple[float, float, float],
) -> Glare | None:
    c, s = math.cos(actor.heading), math.sin(actor.heading)
    world = Point3(actor.x + c * ahead - s * left, actor.y + s * ahead + c * left, actor.z + up)
    seen = canvas.node.get_relative_point(scene, world)
    at = Point2()
    if seen.y < 1.0 or not canvas.camera.get_lens().project(seen, at):
        return None
    return Glare((at.x + 1.0) / 2.0, (1.0 - at.y) / 2.0, seen.y, strength, color)
