"""What the renderer draws: shapes, tags, depths, weather, determinism, memory."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from semore_gym.backends.base import IMAGE_KINDS, CameraConfig
from semore_gym.backends.embedded.actor_state import ActorState
from semore_gym.backends.embedded.blueprints import BODIES, EGO
from semore_gym.backends.embedded.drawing.renderer import ROOF, Renderer
from semore_gym.backends.embedded.roads import road
from semore_gym.scenarios.weather import WEATHERS
from semore_gym.tags import SemanticTag

FOCAL = 64 / np.tan(np.radians(30))  # of the roof camera at 128 pixels [px]


def actor(id: int, blueprint: str, s: float, t: float, along: str = "street", **kwargs) -> ActorState:
    x, y, heading = road(along).pose(s, t)
    return ActorState(id, blueprint, x, y, heading=heading + kwargs.pop("turn", 0.0), color=id, **kwargs)


def street_scene(lights: str = "off") -> tuple[ActorState, list[ActorState]]:
    ego = actor(0, EGO, 60, -2)
    return ego, [
        actor(1, "walker.pedestrian.0001", 72, -3.2, turn=np.pi / 2, phase=0.3),
        actor(2, "vehicle.bh.crossbike", 75, -0.8, phase=0.7),
        actor(3, "vehicle.lincoln.mkz_2020", 85, 2, turn=np.pi, lights=lights),
        actor(4, "vehicle.mercedes.sprinter", 80, -5.1),
    ]


def draw(renderer: Renderer, scene, kind: str = "rgb", weather: str = "cloudy_noon", seed: int = 0):
    renderer.begin(WEATHERS[weather], seed)
    renderer.show(*scene)
    return renderer.image(kind)


@pytest.fixture(scope="module")
def street():
    renderer = Renderer(road("street"), CameraConfig())
    yield renderer
    renderer.close()


@pytest.fixture(scope="module")
def highway():
    renderer = Renderer(road("highway"), CameraConfig())
    yield renderer
    renderer.close()


@pytest.mark.parametrize("size", [32, 50, 64, 84, 127, 128, 512])
def test_images_have_their_shapes_at_every_size(size):
    renderer = Renderer(road("street"), CameraConfig(size, size))
    renderer.begin(WEATHERS["cloudy_noon"], 0)
    renderer.show(*street_scene())
    rgb, tags, depth = (renderer.image(kind) for kind in ("rgb", "segmentation", "depth"))
    assert (rgb.shape, rgb.dtype) == ((size, size, 3), np.uint8)
    assert (tags.shape, tags.dtype) == ((size, size), np.uint8)
    assert (depth.shape, depth.dtype) == ((size, size), np.float32)
    # A row that was read with a wrong stride would shear the picture: the sky would not be above the road.
    assert set(np.unique(tags[0, size // 4 : size // 2])) <= {SemanticTag.SKY, SemanticTag.BUILDING}
    assert set(np.unique(tags[-1])) <= {SemanticTag.ROADS, SemanticTag.ROAD_LINE, SemanticTag.SIDEWALKS}
    renderer.close()


def test_a_small_picture_shows_the_same_scene_as_a_large_one():
    tags = {}
    for size in (64, 256):
        renderer = Renderer(road("street"), CameraConfig(size, size))
        tags[size] = draw(renderer, street_scene(), "segmentation")
        renderer.close()
    assert (tags[256][2::4, 2::4] == tags[64]).mean() > 0.85


@pytest.mark.parametrize("weather", WEATHERS)
def test_tags_and_depths_do_not_depend_on_the_weather(street, weather):
    clear_depth, depth = (draw(street, street_scene(), "depth", name) for name in ("cloudy_noon", weather))
    clear, tags = (draw(street, street_scene(), "segmentation", name) for name in ("cloudy_noon", weather))
    near = clear_depth < 100.0  # dense fog leaves out what nobody can see
    np.testing.assert_array_equal(clear[near], tags[near])
    assert (clear_depth != depth)[near].mean() < 0.02  # lit windows are cut into other triangles


def test_the_street_holds_what_a_person_would_name(street):
    tags = set(np.unique(draw(street, street_scene(), "segmentation")))
    named = (
        "ROADS ROAD_LINE SIDEWALKS BUILDING VEGETATION TERRAIN SKY POLE PEDESTRIAN RIDER BICYCLE CAR TRUCK"
    )
    assert {SemanticTag[name] for name in named.split()} <= tags <= set(SemanticTag)


def test_the_highway_holds_what_a_person_would_name(highway):
    scene = actor(0, EGO, 480, -6.25, "highway"), [actor(1, "vehicle.audi.a2", 500, -6.25, "highway")]
    tags = set(np.unique(draw(highway, scene, "segmentation")))
    named = "ROADS ROAD_LINE WALL GUARD_RAIL VEGETATION TERRAIN SKY CAR"
    assert {SemanticTag[name] for name in named.split()} <= tags <= set(SemanticTag)


def test_depth_of_the_level_road_is_that_of_a_pinhole_camera(street):
    depth = draw(street, (actor(0, EGO, 60, -2), []), "depth")
    rows = np.arange(80, 128)
    expected = ROOF[2] * FOCAL / (rows + 0.5 - 64)
    np.testing.assert_allclose(depth[rows, 64], expected, rtol=0.05)
    assert depth.max() == 1000.0


def test_a_walker_has_its_distance_and_its_height(street):
    ego, scene = actor(0, EGO, 60, -2), [actor(1, "walker.pedestrian.0001", 72, -2, moving=False)]
    tags, depth = draw(street, (ego, scene), "segmentation"), draw(street, (ego, scene), "depth")
    rows, columns = np.nonzero(tags == SemanticTag.PEDESTRIAN)
    ahead = 72 - 60 - ROOF[0]
    assert np.abs(depth[rows, columns] - ahead).max() < 0.6
    assert np.ptp(rows) + 1 == pytest.approx(BODIES["walker.pedestrian.0001"].height * FOCAL / ahead, abs=2)
    assert abs(columns.mean() - 64) < 1.5


def test_left_is_left(street):
    ego = actor(0, EGO, 60, -2)
    for t, side in ((0.5, slice(0, 64)), (-4.5, slice(64, 128))):
        tags = draw(street, (ego, [actor(1, "vehicle.audi.a2", 75, t)]), "segmentation")
        cars = tags == SemanticTag.CAR
        assert cars.any()
        assert cars[:, side].sum() == cars.sum()


def test_the_roof_camera_does_not_see_the_ego_and_the_chase_camera_does(street):
    scene = actor(0, EGO, 60, -2), []
    assert SemanticTag.CAR not in draw(street, scene, "segmentation")
    red = replace(scene[0], color=0)
    chase, other = (draw(street, (ego, []), "chase") for ego in (red, replace(red, color=2)))
    assert chase.shape == (480, 640, 3)
    assert (chase != other)[240:470, 220:420].mean() > 0.3


def test_the_chase_view_leaves_the_roof_camera_as_it_was(street):
    renderer = Renderer(road("street"), CameraConfig())
    before = draw(renderer, street_scene())
    renderer.image("chase")
    np.testing.assert_array_equal(draw(renderer, street_scene()), before)
    renderer.close()


def brightness(picture) -> float:
    return float(picture.mean())


def test_night_is_dark_but_for_the_headlamps(street):
    scene = actor(0, EGO, 60, -2), []
    day, night = draw(street, scene), draw(street, scene, weather="midnight")
    assert brightness(night) < 0.3 * brightness(day)
    cone, beside = night[88:104, 48:80], night[88:104, :16]
    assert brightness(cone) > 3.0 * brightness(beside)


def test_high_beams_glare_and_a_lorry_hides_them(street):
    def glare(blockers):
        pictures = [
            draw(street, (scene[0], [*scene[1], *blockers]), weather="midnight")
            for scene in (
                (actor(0, EGO, 60, -2), [actor(1, "vehicle.audi.a2", 90, 2, turn=np.pi, lights=lights)])
                for lights in ("off", "high")
            )
        ]
        return brightness(pictures[1]) - brightness(pictures[0])

    lorry = actor(2, "vehicle.carlamotors.european_hgv", 76, 0.2)
    assert glare([]) > 5.0
    assert abs(glare([lorry])) < 0.5


def test_fog_hides_the_distance(street):
    far = actor(1, "vehicle.mercedes.sprinter", 140, -2)
    for weather, seen in (("cloudy_noon", True), ("dense_fog", False)):
        empty, full = (
            draw(street, (actor(0, EGO, 60, -2), s), weather=weather).astype(int) for s in ([], [far])
        )
        assert (np.abs(empty - full).max() > 40) == seen


def test_rain_has_streaks_that_move_and_a_darker_road(street):
    ego, actors = street_scene()
    rain = draw(street, (ego, actors), weather="hard_rain")
    np.testing.assert_array_equal(draw(street, (ego, actors), weather="hard_rain"), rain)
    assert (draw(street, (ego, actors), weather="hard_rain", seed=1) != rain).any()
    street.show(ego, [replace(actors[0], phase=0.300001), *actors[1:]])
    later = street.image("rgb")
    assert (later[:50] != rain[:50]).any()
    assert brightness(rain[110:]) < 0.8 * brightness(draw(street, (ego, actors))[110:])


def test_braking_and_walking_are_seen(street):
    ego = actor(0, EGO, 60, -2)
    car, walker = actor(1, EGO, 70, -2), actor(2, "walker.pedestrian.0002", 68, 0.0, turn=np.pi / 2)
    still = draw(street, (ego, [car, walker]))
    red = draw(street, (ego, [replace(car, braking=True), walker])).astype(int) - still
    assert red[..., 0].max() > 80
    step = draw(street, (ego, [car, replace(walker, phase=0.4)]))
    assert (step != still).any(axis=-1).sum() > 5


def test_cars_of_all_colours_differ(street):
    pictures = {
        draw(street, (actor(0, EGO, 60, -2), [replace(actor(1, EGO, 70, -2), color=k)])).tobytes()
        for k in range(8)
    }
    assert len(pictures) == 8


def all_images(renderer: Renderer) -> list[np.ndarray]:
    return [renderer.image(kind) for kind in IMAGE_KINDS]


def test_images_depend_on_the_state_alone(street):
    fresh = Renderer(road("street"), CameraConfig())
    fresh.begin(WEATHERS["hard_rain"], 3)
    fresh.show(*street_scene("low"))
    expected = all_images(fresh)
    draw(street, (actor(0, EGO, 900, 2), [actor(4, EGO, 930, 2)]), "chase", "midnight", seed=9)
    draw(street, (actor(0, EGO, 61, -2), street_scene()[1][::-1]), "rgb", "hard_rain", seed=3)
    street.show(*street_scene("low"))
    for image, other in zip(all_images(street), expected, strict=True):
        np.testing.assert_array_equal(image, other)
    fresh.close()


def test_the_order_of_actors_does_not_matter(street):
    ego, actors = street_scene()
    np.testing.assert_array_equal(draw(street, (ego, actors)), draw(street, (ego, actors[::-1])))


def test_eight_renderers_do_not_disturb_each_other():
    places = [60.0 + 90.0 * k for k in range(8)]
    alone = []
    for s in places:
        renderer = Renderer(road("street"), CameraConfig(64, 64))
        alone.append(draw(renderer, (actor(0, EGO, s, -2), [actor(1, EGO, s + 12, -2)])))
        renderer.close()
    renderers = [Renderer(road("street"), CameraConfig(64, 64)) for _ in places]
    for renderer, s in zip(renderers, places, strict=True):
        renderer.begin(WEATHERS["cloudy_noon"], 0)
        renderer.show(actor(0, EGO, s, -2), [actor(1, EGO, s + 12, -2)])
    for renderer, expected in zip(renderers, alone, strict=True):
        np.testing.assert_array_equal(renderer.image("rgb"), expected)
        renderer.close()


SCRIPT = """
import hashlib
from semore_gym.backends.base import IMAGE_KINDS, CameraConfig
from semore_gym.backends.embedded.drawing.renderer import Renderer
from semore_gym.backends.embedded.roads import road
from semore_gym.backends.embedded.actor_state import ActorState
from semore_gym.backends.embedded.blueprints import EGO
from semore_gym.scenarios.weather import WEATHERS
renderer = Renderer(road("highway"), CameraConfig())
renderer.begin(WEATHERS["hard_rain"], 5)
for k in range(20):
    other = ActorState(1, EGO, 110.0 + 20 * k, 0.75, color=1)
    renderer.show(ActorState(0, EGO, 90.0 + 20 * k, -2.75), [other])
    images = [renderer.image(kind).tobytes() for kind in ("rgb", "segmentation", "depth")]
    print(hashlib.sha256(b"".join(images)).hexdigest())
"""


def test_other_processes_draw_the_same_bits():
    one, other = (
        subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    )
    assert len(set(one.splitlines())) == 20
    assert one == other


def test_returned_images_stay_as_they_are(street):
    first = draw(street, street_scene())
    kept = first.copy()
    first[:] = 0
    np.testing.assert_array_equal(street.image("rgb"), kept)
    draw(street, (actor(0, EGO, 300, -2), []))
    assert not first.any()


def test_wrong_calls_say_what_is_wrong(street):
    street.begin(WEATHERS["cloudy_noon"], 0)
    with pytest.raises(RuntimeError, match="needs begin"):
        street.image("rgb")
    street.show(*street_scene())
    with pytest.raises(ValueError, match="unknown image kind 'infrared'; known: rgb"):
        street.image("infrared")


def test_a_closed_renderer_refuses_to_draw():
    renderer = Renderer(road("street"), CameraConfig(32, 32))
    renderer.begin(WEATHERS["cloudy_noon"], 0)
    renderer.show(*street_scene())
    renderer.close()
    renderer.close()
    with pytest.raises(RuntimeError, match="before close"):
        renderer.image("rgb")


def resident() -> int:
    """Memory of this process [KiB]."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_closing_frees_everything():
    def cycle():
        renderer = Renderer(road("street"), CameraConfig())
        draw(renderer, street_scene())
        renderer.image("chase")
        renderer.close()

    for _ in range(5):
        cycle()
    before = resident()
    for _ in range(50):
        cycle()
    assert (resident() - before) / 50 < 20.0  # [KiB]


@pytest.mark.parametrize("name", ["street", "highway"])
def test_the_chase_camera_stands_on_the_road_at_its_very_beginning(name):
    lane = road(name).lanes[-1]
    ego = actor(0, EGO, 0.2, lane.center, along=name)
    renderer = Renderer(road(name), CameraConfig(kinds=("chase",)))
    picture = draw(renderer, (ego, []), "chase").astype(int)
    lowest = picture[-3:]
    assert (lowest[..., 1] - lowest[..., 0] < 12).all()  # no grass
    renderer.close()
