"""Weathers by name; the fields are those of CARLA's WeatherParameters."""

from __future__ import annotations

from dataclasses import dataclass

LIGHTS_BELOW = 8.0  # altitude of the sun [deg]


@dataclass(frozen=True)
class Weather:
    """CARLA's WeatherParameters, same names, order and units."""

    cloudiness: float = 0.0  # [0, 100]
    precipitation: float = 0.0  # [0, 100]
    precipitation_deposits: float = 0.0  # how much of the road is puddles [0, 100]
    wind_intensity: float = 0.0  # [0, 100]
    sun_azimuth_angle: float = 0.0  # [deg]
    sun_altitude_angle: float = 0.0  # how high the sun is: -90 at midnight, 90 at midday [deg]
    fog_density: float = 0.0  # [0, 100]
    fog_distance: float = 0.0  # where the fog starts [m]
    fog_falloff: float = 0.0
    wetness: float = 0.0  # [0, 100]
    scattering_intensity: float = 1.0
    mie_scattering_scale: float = 0.03
    rayleigh_scattering_scale: float = 0.0331
    dust_storm: float = 0.0  # [0, 100]

    @property
    def is_dark(self) -> bool:
        """Whether who drives has the lights on."""
        return self.sun_altitude_angle < LIGHTS_BELOW


WEATHERS: dict[str, Weather] = {
    "cloudy_noon": Weather(cloudiness=60, wind_intensity=10, sun_azimuth_angle=-1, sun_altitude_angle=45),
    "clear_noon": Weather(cloudiness=5, wind_intensity=10, sun_altitude_angle=90, wetness=50),
    "sunset": Weather(cloudiness=5, wind_intensity=10, sun_azimuth_angle=-1, sun_altitude_angle=10),
    "midnight": Weather(cloudiness=30, sun_altitude_angle=-90, fog_density=20),
    "hard_rain": Weather(
        cloudiness=100,
        precipitation=100,
        precipitation_deposits=100,
        wind_intensity=100,
        sun_altitude_angle=5,
        wetness=100,
    ),
    "dense_fog": Weather(cloudiness=100, sun_altitude_angle=5, fog_density=100),
}
