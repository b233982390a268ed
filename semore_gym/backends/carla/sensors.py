"""What the ego's sensors deliver, tick by tick."""

from __future__ import annotations

import queue
import time
from typing import Any

import carla
import numpy as np

from semore_gym.backends.base import CameraConfig, Image
from semore_gym.backends.carla.connection import blueprint_of

ROOF = carla.Transform(carla.Location(x=1.6, z=1.7))
CHASE = carla.Transform(carla.Location(x=-7.5, z=3.6), carla.Rotation(pitch=-12.0))
CHASE_CAMERA = CameraConfig(width=640, height=480, fov=60.0)
LENS = {  # ERPV, Table 5
    "gamma": 2.2,
    "iso": 100.0,
    "exposure_min_bright": 10.0,
    "exposure_max_bright": 12.0,
    "motion_blur_intensity": 0.45,
}
BLUEPRINTS = {
    "rgb": "sensor.camera.rgb",
    "chase": "sensor.camera.rgb",
    "segmentation": "sensor.camera.semantic_segmentation",
    "depth": "sensor.camera.depth",
}
FAR = 1000.0  # [m]


class Sensor:
    """A sensor that listens from its making to its end; starting to listen twice crashes the library."""

    def __init__(self, actor: carla.Sensor) -> None:
        self.actor = actor
        self._events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        actor.listen(self._events.put)

    def stop(self) -> None:
        """Listen no more."""
        self.actor.stop()  # type: ignore[no-untyped-call]


class Camera(Sensor):
    """A camera that has one picture of every tick.

    Args:
        actor: The camera in the world.
        kind: What of: "rgb", "chase", "segmentation" or "depth".
    """

    def __init__(self, actor: carla.Sensor, kind: str) -> None:
        super().__init__(actor)
        self._kind = kind
        self._image: Any = None

    def started(self, deadline: float) -> bool:
        """Whether a picture has come, or comes before `deadline` on `time.monotonic`'s clock [s]."""
        while self._events.empty() and time.monotonic() < deadline:
            time.sleep(0.002)
        return not self._events.empty()

    def wait(self, frame: int, deadline: float) -> None:
        """Wait for the picture of `frame`; older ones are dropped.

        Args:
            frame: Number of the world's last tick.
            deadline: On `time.monotonic`'s clock [s].

        Raises:
            RuntimeError: If it does not come, or a newer one does.
        """
        while True:
            try:
                image = self._events.get(timeout=max(deadline - time.monotonic(), 0.0))
            except queue.Empty:
                raise RuntimeError(f"the {self._kind} camera sent no picture of frame {frame}") from None
            if image.frame > frame:
                raise RuntimeError(f"the {self._kind} camera skipped frame {frame}, sent {image.frame}")
            if image.frame == frame:
                self._image = image
                return

    def picture(self) -> Image:
        """The last picture, as `semore_gym.backends.base.Backend.image` describes it."""
        image = self._image
        bgra = np.frombuffer(image.raw_data, np.uint8).reshape(image.height, image.width, 4)
        if self._kind == "segmentation":
            return bgra[..., 2]
        if self._kind == "depth":
            codes = bgra[..., 2::-1].astype(np.float32) @ np.array([1.0, 256.0, 65536.0], np.float32)
            return codes * np.float32(FAR / (256**3 - 1))
        return bgra[..., 2::-1]


class Events(Sensor):
    """A sensor that speaks only when something has happened."""

    def drain(self) -> list[Any]:
        """Everything that has come since the last call."""
        events = []
        while not self._events.empty():
            events.append(self._events.get())
        return events


def camera_blueprint(library: carla.BlueprintLibrary, kind: str, roof: CameraConfig) -> carla.ActorBlueprint:
    """The blueprint of a camera, its attributes set."""
    config = CHASE_CAMERA if kind == "chase" else roof
    blueprint = blueprint_of(library, BLUEPRINTS[kind])
    values = {"image_size_x": config.width, "image_size_y": config.height, "fov": config.fov}
    for name, value in {**values, **(LENS if "rgb" in BLUEPRINTS[kind] else {})}.items():
        blueprint.set_attribute(name, str(value))
    return blueprint
