"""The blueprint library."""

from __future__ import annotations

from typing import Any

from semore_gym.backends.embedded.blueprints import BODIES

BOOL, INT, FLOAT, STRING, COLOR = 1, 2, 3, 4, 5

CAMERA = {
    "image_size_x": (INT, "800"),
    "image_size_y": (INT, "600"),
    "fov": (FLOAT, "90.0"),
    "sensor_tick": (FLOAT, "0.0"),
}
LENS = {
    "enable_postprocess_effects": (BOOL, "true"),
    "gamma": (FLOAT, "2.2"),
    "iso": (FLOAT, "100.0"),
    "exposure_mode": (STRING, "histogram"),
    "exposure_min_bright": (FLOAT, "10.0"),
    "exposure_max_bright": (FLOAT, "12.0"),
    "motion_blur_intensity": (FLOAT, "0.45"),
}
VEHICLE = {
    "color": (COLOR, "255,255,255"),
    "number_of_wheels": (INT, "4"),
    "base_type": (STRING, "car"),
    "sticky_control": (BOOL, "true"),
}
ATTRIBUTES: dict[str, dict[str, tuple[int, str]]] = {
    "sensor.camera.rgb": {**CAMERA, **LENS},
    "sensor.camera.semantic_segmentation": CAMERA,
    "sensor.camera.depth": CAMERA,
    "sensor.other.collision": {},
    "sensor.other.lane_invasion": {},
    **{name: VEHICLE if name.startswith("vehicle") else {"is_invincible": (BOOL, "true")} for name in BODIES},
}


def definitions() -> list[Any]:
    """All blueprints as `get_actor_definitions` returns them."""
    return [_definition(uid, name) for uid, name in enumerate(ATTRIBUTES, start=1)]


def _definition(uid: int, name: str) -> list[Any]:
    attributes = {**ATTRIBUTES[name], "role_name": (STRING, "")}
    rows = [[key, kind, value, [], True, False] for key, (kind, value) in attributes.items()]
    return [uid, name, name.replace(".", ","), rows]
