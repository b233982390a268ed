"""The cameras' pictures, by the embedded renderer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from helpers.carla_server.simulation import Actor
from helpers.carla_server.wire import DEPTH, RGB, SEMANTIC, picture
from semore_gym.backends.base import CameraConfig
from semore_gym.backends.embedded.actor_state import ActorState
from semore_gym.backends.embedded.drawing.renderer import Renderer
from semore_gym.backends.embedded.roads import Road
from semore_gym.scenarios.weather import Weather

FAR = 1000.0  # what CARLA's depth camera can say at most [m]
KINDS = {"rgb": RGB, "semantic_segmentation": SEMANTIC, "depth": DEPTH}


class Cameras:
    """One renderer a size and field of view; they see from the roof, or from behind the vehicle."""

    def __init__(self) -> None:
        self._renderers: dict[CameraConfig, Renderer] = {}
        self._road: Road
        self._weather: Weather
        self._state: tuple[ActorState | None, Sequence[ActorState]] = (None, ())

    def begin(self, road: Road, weather: list[float]) -> None:
        """Another road or another weather."""
        self._road, self._weather = road, Weather(*weather)
        for renderer in self._renderers.values():
            renderer.close()
        self._renderers.clear()

    def look(self, hero: ActorState | None, others: Sequence[ActorState]) -> None:
        """Take in where everybody is."""
        self._state = hero, others
        if hero is not None:
            for renderer in self._renderers.values():
                renderer.show(hero, others)

    def shoot(self, camera: Actor) -> tuple[int, bytes]:
        """A camera's sensor type and the body of its image."""
        width, height = (int(camera.attribute(f"image_size_{axis}")) for axis in "xy")
        fov = float(camera.attribute("fov"))
        kind = camera.kind.rsplit(".", 1)[-1]
        return KINDS[kind], picture(self._pixels(camera, kind, CameraConfig(width, height, fov)), fov)

    def _pixels(self, camera: Actor, kind: str, config: CameraConfig) -> npt.NDArray[np.uint8]:
        hero, others = self._state
        if hero is None:
            return np.zeros((config.height, config.width, 3), np.uint8)
        if config not in self._renderers:
            self._renderers[config] = Renderer(self._road, config)
            self._renderers[config].begin(self._weather, seed=0)
            self._renderers[config].show(hero, others)
        renderer = self._renderers[config]
        if kind == "rgb":
            return renderer.image("chase" if camera.pose.x < 0.0 else "rgb")
        if kind == "depth":
            return depth_code(renderer.image("depth"))
        tags = renderer.image("segmentation")
        return np.stack([tags, np.zeros_like(tags), np.zeros_like(tags)], axis=-1)


def depth_code(metres: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Depth as CARLA packs it into (H, W, 3) RGB, lowest byte first."""
    steps = np.round(np.minimum(metres, FAR) / FAR * (2**24 - 1)).astype(np.uint32)
    return np.stack([steps & 255, steps >> 8 & 255, steps >> 16], axis=-1).astype(np.uint8)
