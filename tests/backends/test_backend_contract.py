"""What every backend promises, whichever simulator is behind it."""

import hashlib
import json
import math
import subprocess
import sys
from dataclasses import astuple, fields, replace

import numpy as np
import pytest

from semore_gym.backends import BACKENDS
from semore_gym.backends.base import BENDS_AT, IMAGE_KINDS, CameraConfig, Control, Tick
from semore_gym.scenarios import SCENARIOS
from semore_gym.scenarios.base import Actor, Cross, Cruise, RoadPosition, Stand
from semore_gym.tags import SemanticTag

CAMERA = CameraConfig(width=64, height=48)
SEEN = replace(CAMERA, kinds=("rgb", "segmentation"))
EVERYTHING = replace(CAMERA, kinds=IMAGE_KINDS)  # on CARLA, every kind costs a picture a tick
KINDS = {
    "rgb": ((48, 64, 3), np.uint8),
    "segmentation": ((48, 64), np.uint8),
    "depth": ((48, 64), np.float32),
    "chase": ((480, 640, 3), np.uint8),
}


def controls(count, seed=0):
    rng = np.random.default_rng(seed)
    return [
        Control(float(rng.uniform(-0.2, 0.2)), throttle=float(rng.uniform(0.2, 1.0))) for _ in range(count)
    ]


def episode(name="HighWay", seed=0):
    return SCENARIOS.load(name)().episode(np.random.default_rng(seed))


def record(backend, name="HighWay", seed=0, count=40):
    """Everything that one short drive shows: its ticks, and a hash of a picture now and then."""
    shown = [astuple(backend.reset(episode(name, seed)))]
    for i, control in enumerate(controls(count, seed)):
        shown.append(astuple(backend.tick(control)))
        if i % 10 == 9:
            shown.append(hashlib.sha256(backend.image("rgb").tobytes()).hexdigest())
    return shown


@pytest.fixture(params=list(BACKENDS))
def make(request, monkeypatch, carla_address, tmp_path):
    """make(camera) -> a new backend; all are closed at the end. Each on CARLA has a server of its own."""
    made = []
    if request.param == "carla":
        pytest.importorskip("carla", reason="the carla client has no wheel for this Python or platform")
        monkeypatch.setenv("HOME", str(tmp_path))  # where the client library caches maps for ever

    def new(camera=CAMERA):
        if request.param == "carla":
            monkeypatch.setenv("SEMORE_CARLA", carla_address())
        made.append(BACKENDS.load(request.param)(camera))
        return made[-1]

    new.backend_name = request.param
    yield new
    for backend in made:
        backend.close()


def test_name_and_dt(make):
    backend = make()
    assert backend.name == make.backend_name
    assert backend.dt == 0.05


@pytest.mark.parametrize("name", SCENARIOS)
def test_reset_and_tick_report_numbers(make, name):
    backend = make()
    first = backend.reset(episode(name))
    assert first.speed == pytest.approx(0.0, abs=0.05)
    assert not first.off_road
    assert not first.contact
    frame = first.frame
    for control in controls(10):
        tick = backend.tick(control)
        assert tick.frame == frame + 1
        frame = tick.frame
        for field in fields(Tick):
            value = getattr(tick, field.name)
            assert type(value) in (int, float, bool), field.name
            assert not math.isnan(value), field.name
            assert math.isfinite(value) or field.name in ("gap", "time_to_collision")
    assert tick.speed > 0.0


@pytest.mark.parametrize("name", SCENARIOS)
def test_surroundings_are_finite_numbers_and_looking_around_changes_nothing(make, name):
    looking, blind = make(), make()
    looking.reset(episode(name))
    blind.reset(episode(name))
    for control in controls(10):
        around = looking.surroundings()
        assert looking.surroundings() == around
        assert len(around.bends) == len(BENDS_AT)
        assert all(type(bend) is float and abs(bend) < 0.02 for bend in around.bends)
        # CARLA's traffic manager takes away who drives off the map
        assert 0 < len(around.others) <= len(episode(name).actors)
        for other in around.others:
            kind, *numbers = astuple(other)
            assert kind in ("walker", "bicycle", "vehicle")
            assert all(type(number) is float and math.isfinite(number) for number in numbers)
        assert looking.tick(control) == blind.tick(control)


def test_surroundings_say_where_the_scenario_put_everybody(make):
    """On the straight street, where road coordinates are the scenario's own."""
    actors = (
        Actor("vehicle.audi.a2", -1, 41.0, Stand(), offset=0.5),
        Actor("vehicle.bh.crossbike", -1, 31.0, Cruise(3.0)),
        Actor("walker.pedestrian.0001", 3, 26.0, Cross(2.0, 0.0), offset=-0.85),
    )
    backend = make()
    start = replace(episode("JayWalk"), ego=RoadPosition(-1, 1.0), actors=actors)
    backend.reset(start)
    for _ in range(5):
        backend.tick(Control(brake=1.0))
    around = backend.surroundings()
    car, bicycle, walker = around.others
    assert [other.kind for other in around.others] == ["vehicle", "bicycle", "walker"]
    assert around.bends == pytest.approx((0.0,) * 4, abs=1e-6)
    assert (car.ahead, car.left) == pytest.approx((40.0, 0.5), abs=0.1)
    assert (car.half_length, car.half_width) == pytest.approx((1.855, 0.895), abs=0.01)
    assert (around.half_length, around.half_width) == pytest.approx((2.395, 1.08), abs=0.01)
    assert bicycle.speed_ahead == pytest.approx(3.0, abs=1.0)
    assert abs(bicycle.left) < 0.1
    assert walker.ahead == pytest.approx(25.0, abs=0.1)
    assert walker.left > 6.0
    assert (walker.speed_ahead, walker.speed_left) == pytest.approx((0.0, 0.0), abs=0.05)


def test_bends_are_those_that_come(make):
    backend = make()
    backend.reset(replace(episode("HighWay"), ego=RoadPosition(-2, 250.0), actors=()))
    travelled, headings, foreseen = [0.0], [0.0], [0.0]
    for _ in range(400):
        tick = backend.tick(backend.scripted_control())
        travelled.append(travelled[-1] + tick.lane_speed * backend.dt)
        headings.append(tick.yaw - tick.heading_error)
        foreseen.append(backend.surroundings().bends[1])
    headings = np.unwrap(headings, period=360.0)
    places = np.array(travelled[100:]) + 20.0
    places = places[places < travelled[-1] - 2.5]
    turned = [np.interp(places + step, travelled, headings) for step in (-2.5, 2.5)]
    bends = np.radians(turned[1] - turned[0]) / 5.0
    assert np.abs(bends).max() > 0.002
    np.testing.assert_allclose(foreseen[100 : 100 + len(places)], bends, atol=1.2e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_images_have_their_shape_and_type(make, kind):
    backend = make(replace(CAMERA, kinds=(kind,)))
    backend.reset(episode())
    shape, dtype = KINDS[kind]
    for _ in range(2):
        image = backend.image(kind)
        assert (image.shape, image.dtype) == (shape, dtype)
        backend.tick(Control(throttle=1.0))
    if kind == "segmentation":
        assert {SemanticTag.ROADS, SemanticTag.ROAD_LINE} <= set(np.unique(image))
        assert set(np.unique(image)) <= set(SemanticTag)
    if kind == "depth":
        assert 0.0 < image.min() < image.max() <= 1000.0


def test_unknown_image_is_an_error(make):
    backend = make()
    backend.reset(episode())
    with pytest.raises(ValueError, match="'sonar'"):
        backend.image("sonar")


def test_looking_twice_shows_the_same(make):
    backend = make(EVERYTHING)
    backend.reset(episode())
    backend.tick(Control(throttle=1.0))
    first = {kind: backend.image(kind).copy() for kind in KINDS}
    for kind in reversed(KINDS):
        np.testing.assert_array_equal(backend.image(kind), first[kind])


def test_looking_changes_nothing(make):
    looking, blind = make(SEEN), make(SEEN)
    looking.reset(episode())
    blind.reset(episode())
    for control in controls(20):
        seen = looking.tick(control)
        looking.image("rgb")
        assert blind.tick(control) == seen
    np.testing.assert_array_equal(blind.image("segmentation"), looking.image("segmentation"))


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_same_episode_and_controls_give_the_same_bits(make, name):
    fresh = record(make(), name, seed=1)
    used = make()
    for other in SCENARIOS:
        record(used, other, seed=2, count=15)
    assert record(used, name, seed=1) == fresh
    assert record(used, name, seed=1) == fresh
    assert record(make(), name, seed=1) == fresh


def test_another_episode_is_another(make):
    backend = make()
    assert record(backend, seed=1, count=20)[-1] != record(backend, seed=2, count=20)[-1]


@pytest.mark.slow
def test_worlds_at_the_same_time_do_not_disturb_each_other(make):
    worlds = 3 if make.backend_name == "carla" else 8  # on CARLA, each has processes of its own anyway
    names = [list(SCENARIOS)[i % 3] for i in range(worlds)]
    together = [make() for _ in names]
    alone = [
        record(each, name, seed=i, count=20)
        for i, (each, name) in enumerate(zip(together, names, strict=True))
    ]
    shown = [[astuple(b.reset(episode(n, i)))] for i, (b, n) in enumerate(zip(together, names, strict=True))]
    plans = [controls(20, seed=i) for i in range(worlds)]
    for step in range(20):
        for i, backend in enumerate(together):
            shown[i].append(astuple(backend.tick(plans[i][step])))
            if step % 10 == 9:
                shown[i].append(hashlib.sha256(backend.image("rgb").tobytes()).hexdigest())
    for i, name in enumerate(names):
        for step, (here, there) in enumerate(zip(shown[i], alone[i], strict=True)):
            assert here == there, f"world {i} ({name}), entry {step}"


@pytest.mark.slow
def test_another_process_sees_the_same_bits(make):
    script = (
        "import json, sys; sys.path.insert(0, sys.argv[1]); import test_backend_contract as t;"
        "b = t.BACKENDS.load(sys.argv[2])(t.CAMERA); print(json.dumps(t.record(b, 'JayWalk', 5))); b.close()"
    )
    folder = __file__.rpartition("/")[0]
    here = json.loads(json.dumps(record(make(), "JayWalk", 5)))
    make().close()  # names another server, where there are servers
    output = subprocess.run(
        [sys.executable, "-c", script, folder, make.backend_name], check=True, capture_output=True, text=True
    ).stdout
    assert json.loads(output.splitlines()[-1]) == here


def test_the_scripted_driver_gives_a_control(make):
    backend = make()
    backend.reset(episode())
    for _ in range(100):
        control = backend.scripted_control()
        assert -1.0 <= control.steer <= 1.0
        assert 0.0 <= control.throttle <= 1.0
        assert 0.0 <= control.brake <= 1.0
        tick = backend.tick(control)
    assert tick.lane_speed > 5.0
    assert not tick.contact


def test_close_twice_and_before_anything(make):
    make().close()
    backend = make()
    backend.reset(episode())
    backend.image("rgb")
    backend.close()
    backend.close()


def test_without_a_reset_there_is_nothing_to_see(make):
    for use in (
        lambda b: b.tick(Control()),
        lambda b: b.image("rgb"),
        lambda b: b.surroundings(),
        lambda b: b.scripted_control(),
    ):
        with pytest.raises(RuntimeError, match="reset"):
            use(make())


def test_after_close_it_can_be_reset_again(make):
    backend = make()
    before = record(backend, count=10)
    backend.close()
    assert record(backend, count=10) == before
