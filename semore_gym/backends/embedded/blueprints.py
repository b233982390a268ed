"""The road users that the embedded simulator knows: CARLA 0.9.16's blueprint ids and bounding boxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Body:
    """The box and mass of a blueprint, shared by physics and drawing."""

    kind: Literal["car", "truck", "bicycle", "walker", "obstacle"]
    shape: str  # which model the renderer builds
    length: float  # [m]
    width: float  # [m]
    height: float  # [m]
    mass: float  # [kg]


EGO = "vehicle.tesla.model3"

BODIES: dict[str, Body] = {
    EGO: Body("car", "sedan", 4.79, 2.16, 1.49, 1845.0),
    "vehicle.audi.a2": Body("car", "hatchback", 3.71, 1.79, 1.55, 1200.0),
    "vehicle.lincoln.mkz_2020": Body("car", "sedan", 4.89, 1.84, 1.49, 1700.0),
    "vehicle.nissan.patrol_2021": Body("car", "suv", 5.57, 2.15, 2.05, 2100.0),
    "vehicle.mercedes.sprinter": Body("truck", "van", 5.92, 1.99, 2.56, 2600.0),
    "vehicle.carlamotors.european_hgv": Body("truck", "lorry", 7.94, 2.89, 3.46, 9000.0),
    "vehicle.bh.crossbike": Body("bicycle", "bicycle", 1.51, 0.87, 1.61, 90.0),
    "walker.pedestrian.0001": Body("walker", "walker", 0.38, 0.38, 1.86, 75.0),
    "walker.pedestrian.0002": Body("walker", "walker", 0.38, 0.38, 1.86, 65.0),
    "walker.pedestrian.0009": Body("walker", "walker", 0.50, 0.50, 1.10, 35.0),
}
