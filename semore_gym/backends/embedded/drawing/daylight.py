"""From a weather to light, haze and the sky; all colours are display RGB in [0, 1]."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from semore_gym.backends.embedded.scenery.mesh import Shade
from semore_gym.scenarios.weather import Weather

RGB = tuple[float, float, float]

CLEAR_HAZE = 0.0005  # extinction on a clear day [1/m]
DENSE_FOG = 0.05  # extinction at fog_density 100 [1/m]
RAIN_HAZE = 0.006  # extinction at precipitation 100 [1/m]


@dataclass(frozen=True)
class Daylight:
    """Everything that the drawing needs to know of the weather."""

    shade: Shade
    night: bool  # whether lamps and windows are lit
    gain: RGB  # what the light does to a white surface that faces up
    haze: RGB  # colour of what is too far to be seen
    extinction: float  # the haze's extinction coefficient [1/m]
    haze_start: float  # the distance at which the haze begins [m]
    zenith: RGB
    horizon: RGB
    sun_color: RGB  # colour of the sun's disc and the sky around it; black when it is hidden
    cloud_light: RGB
    cloud_dark: RGB
    cloudiness: float  # [0, 1]
    fog: float  # [0, 1]
    wetness: float  # [0, 1]
    rain: float  # [0, 1]


def daylight(weather: Weather) -> Daylight:
    """The light of a weather."""
    altitude = weather.sun_altitude_angle
    cloud, rain = weather.cloudiness / 100.0, weather.precipitation / 100.0
    fog = weather.fog_density / 100.0
    day = _ramp(altitude, -8.0, 4.0)
    low = day * (1.0 - _ramp(altitude, 8.0, 35.0))  # how low the sun stands while it is day
    gold = low * (1.0 - cloud)
    dim = (0.09 + 0.91 * day) * (1.0 - 0.38 * cloud * low) * (1.0 - 0.22 * rain)
    gain = _mix((1.0, 1.0, 1.0), (1.0, 0.80, 0.62), gold)
    gain = _mix((0.62, 0.75, 1.0), gain, day)
    overcast = _mix((0.62, 0.65, 0.70), (0.80, 0.82, 0.85), fog)
    zenith = _mix(_mix((0.25, 0.46, 0.80), overcast, cloud**1.6), (0.34, 0.40, 0.62), gold)
    horizon = _mix(_mix((0.72, 0.83, 0.94), overcast, cloud**1.6), (0.98, 0.62, 0.34), gold)
    zenith, horizon = (_mix(_scale(sky, dim), overcast_at(dim), fog**2) for sky in (zenith, horizon))
    if day < 1.0:
        zenith = _mix((0.010, 0.014, 0.035), zenith, day)
        horizon = _mix((0.030, 0.036, 0.065), horizon, day)
    sun_strength = 0.6 * day * (1.0 - 0.8 * cloud) * (1.0 - fog)
    return Daylight(
        shade=_shade(weather, sun_strength),
        night=day < 0.5,
        gain=_scale(gain, dim),
        haze=_mix(horizon, zenith, 0.15),
        extinction=CLEAR_HAZE + DENSE_FOG * fog**1.6 + RAIN_HAZE * rain,
        haze_start=weather.fog_distance,
        zenith=zenith,
        horizon=horizon,
        sun_color=_scale((1.0, 0.93 - 0.2 * gold, 0.80 - 0.4 * gold), sun_strength / 0.6),
        cloud_light=_mix(
            _mix((0.015, 0.02, 0.035), _scale((0.97, 0.97, 0.98), dim), day), horizon, 0.75 * gold
        ),
        cloud_dark=_mix(_mix((0.02, 0.025, 0.04), _scale((0.60, 0.63, 0.68), dim), day), zenith, 0.5 * gold),
        cloudiness=cloud,
        fog=fog,
        wetness=max(weather.wetness, weather.precipitation_deposits) / 100.0,
        rain=rain,
    )


def overcast_at(dim: float) -> RGB:
    """The even white of fog in this much light."""
    return _scale((0.86, 0.87, 0.89), dim)


def _shade(weather: Weather, sun: float) -> Shade:
    altitude, azimuth = math.radians(weather.sun_altitude_angle), math.radians(weather.sun_azimuth_angle)
    # CARLA's azimuth is clockwise from x: its y axis points to the right.
    toward = (
        math.cos(altitude) * math.cos(azimuth),
        -math.cos(altitude) * math.sin(azimuth),
        math.sin(altitude),
    )
    return Shade(toward, sun, ambient=1.0 - sun * max(toward[2], 0.0), bounce=0.48)


def sky_panorama(light: Daylight, width: int = 1024, height: int = 256) -> npt.NDArray[np.uint8]:
    """The sky in every direction.

    Returns:
        (height, width, 3) uint8; columns are azimuths counter-clockwise from x, rows elevations from
        -5 to 90 degrees, denser near the horizon (row/height = sqrt of the elevation's part).
    """
    part = (np.arange(height) + 0.5) / height
    elevation = np.radians(-5.0 + 95.0 * part**2)
    azimuth = (np.arange(width) + 0.5) / width * 2.0 * np.pi
    up = np.clip(np.sin(elevation), 0.0, 1.0)[:, None, None]
    sky = np.asarray(light.horizon) + (np.asarray(light.zenith) - light.horizon) * up**0.55
    sky = np.repeat(sky, width, axis=1)
    sx, sy, sz = light.shade.toward_sun
    cosine = (
        np.cos(elevation)[:, None] * (np.cos(azimuth) * sx + np.sin(azimuth) * sy)
        + np.sin(elevation)[:, None] * sz
    )[..., None]
    sky = sky + np.asarray(light.sun_color) * (0.35 * np.clip(cosine, 0, 1) ** 24)
    cover, bright = _clouds(elevation, azimuth, light.cloudiness)
    cloud = np.asarray(light.cloud_dark) + (np.asarray(light.cloud_light) - light.cloud_dark) * bright
    sky = sky + (cloud - sky) * cover * _ramp_array(up, 0.02, 0.16) * (1.0 - light.fog)
    sky = sky + np.asarray(light.sun_color) * _ramp_array(cosine, 0.9982, 0.9993) * (1.0 - light.cloudiness)
    return (np.clip(sky, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)


def _clouds(
    elevation: npt.NDArray[np.float64], azimuth: npt.NDArray[np.float64], cloudiness: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Cover and brightness (H, W, 1) of clouds on a plane overhead, both in [0, 1]."""
    reach = 1.0 / (np.clip(np.sin(elevation), 0.0, 1.0) + 0.12)[:, None]
    x, y = reach * np.cos(azimuth), reach * np.sin(azimuth)
    rng = np.random.default_rng(7)
    field = np.sum([_noise(rng, x * 2.0**k, y * 2.0**k) / 1.9**k for k in range(5)], axis=0)
    field = (field - field.mean()) / field.std()
    threshold = 1.6 - 3.0 * cloudiness
    cover = _ramp_array(field, threshold - 0.1, threshold + 0.9)
    bright = 1.0 - _ramp_array(field, threshold + 0.2, threshold + 2.6)
    return cover[..., None], bright[..., None]


def _noise(
    rng: np.random.Generator, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Smooth noise of unit grid size, periodic every 64."""
    grid = rng.uniform(0.0, 1.0, (64, 64))
    i, j = np.floor(x).astype(int), np.floor(y).astype(int)
    u, v = x - i, y - j
    u, v = u * u * (3 - 2 * u), v * v * (3 - 2 * v)
    a, b = grid[i % 64, j % 64], grid[(i + 1) % 64, j % 64]
    c, d = grid[i % 64, (j + 1) % 64], grid[(i + 1) % 64, (j + 1) % 64]
    result: npt.NDArray[np.float64] = (a * (1 - u) + b * u) * (1 - v) + (c * (1 - u) + d * u) * v
    return result


def _ramp(value: float, low: float, high: float) -> float:
    """0 below `low`, 1 above `high`, smooth between."""
    t = min(max((value - low) / (high - low), 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


def _ramp_array(value: npt.NDArray[np.float64], low: float, high: float) -> npt.NDArray[np.float64]:
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    result: npt.NDArray[np.float64] = t * t * (3.0 - 2.0 * t)
    return result


def _mix(a: RGB, b: RGB, part: float) -> RGB:
    return (a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part, a[2] + (b[2] - a[2]) * part)


def _scale(a: RGB, factor: float) -> RGB:
    return (a[0] * factor, a[1] * factor, a[2] * factor)
