"""Draws what the embedded world shows."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from panda3d.core import NodePath

from semore_gym.backends.base import IMAGE_KINDS, CameraConfig, Image
from semore_gym.backends.embedded.actor_state import ActorState
from semore_gym.backends.embedded.drawing.actors import pose
from semore_gym.backends.embedded.drawing.canvas import Canvas, Drawing, depth_of
from semore_gym.backends.embedded.drawing.daylight import Daylight, daylight
from semore_gym.backends.embedded.drawing.glare import glares
from semore_gym.backends.embedded.drawing.lens import Lens
from semore_gym.backends.embedded.drawing.stage import CHASE_MASK, ROOF_MASK, Stage
from semore_gym.backends.embedded.roads import Road
from semore_gym.backends.embedded.scenery.mesh import decode
from semore_gym.scenarios.weather import Weather

ROOF = (1.6, 0.0, 1.7)  # the camera in the ego's frame: ahead, left, up [m]
CHASE = (-7.5, 0.0, 3.6)  # likewise [m]
CHASE_PITCH = -12.0  # [deg]
CHASE_SIZE = (640, 480)  # [px]
CHASE_FOV = 60.0  # horizontal [deg]
LAMPS = 2.4  # the headlamps, ahead of the ego's middle [m]

State = tuple[ActorState, tuple[ActorState, ...]]


class Renderer:
    """One scene and its cameras; nothing is shared with another renderer but immutable geometry.

    Colour, tags and depth come from one drawing, which is made when the first of them is asked for.

    Args:
        road: What the scenery stands along.
        camera: The ego's roof camera.
    """

    def __init__(self, road: Road, camera: CameraConfig) -> None:
        self._road = road
        self._scene: Any = NodePath("scene")
        self._ego: Any = self._scene.attach_new_node("ego")
        self._width = camera.width
        self._roof = _Camera(self._scene, self._ego, (*ROOF, 0.0), (camera.width, camera.height), camera.fov)
        self._roof.canvas.camera.set_camera_mask(ROOF_MASK)
        self._chase: _Camera | None = None
        self._light: Daylight
        self._seed: int
        self._stage: Stage | None = None
        self._state: State | None = None
        self._placed = False

    def begin(self, weather: Weather, seed: int) -> None:
        """Start an episode: set the weather and forget the last episode's actors.

        Args:
            weather: Its numbers set light, sky, fog and rain.
            seed: Of what is random in them.
        """
        self._clear()
        self._light, self._seed = daylight(weather), seed
        self._stage = Stage(self._scene, self._road, self._light, self._width)
        for camera in self._cameras():
            camera.begin(self._light, seed)

    def show(self, ego: ActorState, actors: Sequence[ActorState]) -> None:
        """Take what the next `image` draws; these states must not change before it."""
        self._state, self._placed = (ego, tuple(actors)), False
        for camera in self._cameras():
            camera.forget()

    def image(self, kind: str) -> Image:
        """Draw what was last shown.

        Args:
            kind: "rgb", "segmentation", "depth" or "chase", see `semore_gym.backends.base.Backend.image`.

        Raises:
            ValueError: If the kind is unknown.
            RuntimeError: If nothing was shown since `begin`, or the renderer is closed.
        """
        if kind not in IMAGE_KINDS:
            raise ValueError(f"unknown image kind {kind!r}; known: {', '.join(IMAGE_KINDS)}")
        if self._stage is None or self._state is None:
            raise RuntimeError("image() needs begin() and then show(), before close()")
        if not self._placed:
            self._ego.set_pos_hpr(*pose(self._state[0]))
            self._stage.place(*self._state)
            self._placed = True
        if kind == "chase":
            return self._chase_camera().picture(self._scene, self._state)
        if kind == "rgb":
            return self._roof.picture(self._scene, self._state)
        drawing = self._roof.draw()
        return decode(drawing.bgra[..., 3]) if kind == "segmentation" else depth_of(drawing.z)

    def close(self) -> None:
        """Free everything; may be called twice."""
        self._clear()
        for camera in self._cameras():
            camera.canvas.close()

    def _cameras(self) -> Iterator[_Camera]:
        yield self._roof
        if self._chase is not None:
            yield self._chase

    def _chase_camera(self) -> _Camera:
        if self._chase is None:
            self._chase = _Camera(self._scene, self._ego, (*CHASE, CHASE_PITCH), CHASE_SIZE, CHASE_FOV)
            self._chase.canvas.camera.set_camera_mask(CHASE_MASK)
            self._chase.begin(self._light, self._seed)
        return self._chase

    def _clear(self) -> None:
        if self._stage is not None:
            self._stage.remove()
        self._stage = self._state = None


class _Camera:
    """One camera of the ego, what it drew and the picture made of that."""

    def __init__(
        self, scene: Any, ego: Any, place: tuple[float, ...], size: tuple[int, int], fov: float
    ) -> None:
        self.canvas = Canvas(scene, ego, *size, fov)
        self.canvas.node.set_pos_hpr(*place[:3], -90.0, place[3], 0.0)
        self._size, self._fov, self._lamps = size, fov, LAMPS - place[0]
        self._light: Daylight
        self._lens: Lens
        self._drawing: Drawing | None = None
        self._picture: Image | None = None

    def begin(self, light: Daylight, seed: int) -> None:
        self._light = light
        self._lens = Lens(*self._size, self._fov, light, seed, self._lamps)
        self.forget()

    def forget(self) -> None:
        self._drawing = self._picture = None

    def draw(self) -> Drawing:
        if self._drawing is None:
            self._drawing = self.canvas.draw()
        return self._drawing

    def picture(self, scene: Any, state: State) -> Image:
        if self._picture is None:
            shining = glares(self.canvas, scene, state[1], self._light)
            moment = _moment(state) if self._light.rain > 0.0 else 0
            self._picture = self._lens(self.draw(), shining, moment)
        return self._picture.copy()


def _moment(state: State) -> int:
    """A number that differs between states, and is the same for the same state."""
    ego, actors = state
    everybody = (ego, *sorted(actors, key=lambda actor: actor.id))
    numbers = [(actor.x, actor.y, actor.phase) for actor in everybody]
    return zlib.crc32(np.array(numbers).tobytes())
