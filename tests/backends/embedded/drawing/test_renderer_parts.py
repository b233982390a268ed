"""The pieces that the renderer is made of."""

from itertools import product

import numpy as np
import pytest

from semore_gym.backends.embedded.drawing.canvas import FAR, NEAR, Z_BITS, Canvas, depth_of
from semore_gym.backends.embedded.drawing.daylight import daylight, sky_panorama
from semore_gym.backends.embedded.drawing.rain import Rain
from semore_gym.backends.embedded.roads import road
from semore_gym.backends.embedded.scenery.mesh import Mesh, Shade, decode, encode, glowing
from semore_gym.backends.embedded.scenery.ribbon import Ribbon
from semore_gym.scenarios.weather import WEATHERS, Weather
from semore_gym.tags import SemanticTag


@pytest.mark.parametrize(("tag", "glow", "rounding"), list(product(SemanticTag, (False, True), (-1, 0, 1))))
def test_alpha_carries_the_tag_and_the_glow_through_rounding(tag, glow, rounding):
    alpha = np.array([encode(tag, glow) + rounding], np.uint8)
    assert decode(alpha)[0] == tag
    assert glowing(alpha)[0] == glow


def test_depth_is_the_inverse_of_the_projection():
    metres = np.array([NEAR, 2.0, 10.0, 99.0, 300.0])
    z = np.round(2**Z_BITS * (1 / metres - 1 / FAR) / (1 / NEAR - 1 / FAR)).astype(np.int32)
    np.testing.assert_allclose(depth_of(z), metres, rtol=5e-4)
    assert depth_of(np.zeros((2, 2), np.int32)).tolist() == [[1000.0, 1000.0], [1000.0, 1000.0]]


def colors_of(mesh: Mesh, shade: Shade) -> np.ndarray:
    data = mesh.geom(shade).get_vertex_data().get_array(0)
    return np.frombuffer(bytes(memoryview(data)), np.uint8).reshape(-1, 16)[:, 12:15]


@pytest.mark.parametrize("sun", [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1)])
def test_each_side_of_a_box_is_lit_from_outside(sun):
    mesh = Mesh()
    mesh.box((-1, -1, 0), (1, 1, 2), (1, 1, 1), SemanticTag.CAR)
    faces = colors_of(mesh, Shade(sun, 0.5, 0.4, 0.4))[:, 0].reshape(5, 4)
    assert sorted(faces[:, 0]) == [102] * 4 + [230]
    assert (faces == faces[:, :1]).all()


def test_round_things_are_lit_from_outside():
    mesh = Mesh()
    mesh.blob((0, 0, 0), (1, 1, 1), (1, 1, 1), SemanticTag.VEGETATION, sides=8, rings=6)
    mesh.cone(1.0, 0.0, 0.1, (1, 1, 1), SemanticTag.VEGETATION, sides=8)
    light = colors_of(mesh, Shade((0, 0, 1), 0.5, 0.4, 0.4))[:, 0]
    blob, cone = light[:63].reshape(9, 7), light[63:]
    assert (np.diff(blob[:, 1:-1].astype(int), axis=1) >= 0).all()
    assert cone.min() > 200


def test_weathers_order_themselves_by_light_and_sight():
    light = {name: daylight(weather) for name, weather in WEATHERS.items()}
    gain = {name: np.mean(values.gain) for name, values in light.items()}
    assert gain["midnight"] < 0.2 < gain["hard_rain"] < gain["sunset"] < gain["clear_noon"] == 1.0
    assert light["sunset"].gain[0] > 1.4 * light["sunset"].gain[2]
    assert light["clear_noon"].extinction < light["midnight"].extinction < light["dense_fog"].extinction
    assert [name for name, values in light.items() if values.night] == ["midnight"]


def test_light_follows_the_numbers_not_the_name():
    gains = [np.mean(daylight(Weather(sun_altitude_angle=altitude)).gain) for altitude in (-90, -5, 0, 45)]
    assert gains == sorted(gains)
    hazes = [daylight(Weather(sun_altitude_angle=45, fog_density=fog)).extinction for fog in (0, 30, 60, 100)]
    assert hazes == sorted(hazes)


def test_the_sun_stands_where_the_weather_says():
    sky = sky_panorama(daylight(Weather(sun_altitude_angle=20, sun_azimuth_angle=-90)), 512, 128).astype(int)
    row, column = np.unravel_index(sky.sum(axis=-1).argmax(), sky.shape[:2])
    assert column / 512 * 360 == pytest.approx(90, abs=4)  # CARLA's y axis points right, ours left
    assert -5 + 95 * (row / 128) ** 2 == pytest.approx(20, abs=4)


def test_rain_is_as_dense_as_it_is_strong_and_repeats_itself():
    def shown(strength, seed, moment):
        picture = np.zeros((64, 64, 3), np.float32)
        Rain(64, 64, strength, seed).add(picture, moment, (0.5, 0.5, 0.5))
        return picture

    np.testing.assert_array_equal(shown(1.0, 3, 17), shown(1.0, 3, 17))
    assert (shown(1.0, 3, 17) != shown(1.0, 3, 18)).any()
    assert (shown(1.0, 3, 17) > 0).sum() > 2 * (shown(0.25, 3, 17) > 0).sum() > 0


def test_a_ribbon_follows_its_road():
    highway = road("highway")
    rng = np.random.default_rng(0)
    s, t = rng.uniform(0, highway.length, 50), rng.uniform(-30, 30, 50)
    expected = [highway.pose(*place)[:2] for place in zip(s, t, strict=True)]
    np.testing.assert_allclose(Ribbon(highway).points(s, t)[:, :2], expected, atol=0.05)


def test_buffers_are_used_again():
    from panda3d.core import NodePath

    scene = NodePath("scene")
    first = Canvas(scene, scene, 48, 36, 60.0)
    buffer = first._buffer
    first.draw()
    first.close()
    second = Canvas(scene, scene, 48, 36, 60.0)
    assert second._buffer is buffer
    assert (second.draw().z == 0).all()
    second.close()
