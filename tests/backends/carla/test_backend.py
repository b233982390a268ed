"""What the CARLA backend does when something breaks: the promised error within the promised time, and on."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import psutil
import pytest

from helpers.carla import ask
from semore_gym import CarlaConfig
from semore_gym.backends.base import CameraConfig, Control, SimulatorError
from semore_gym.scenarios import SCENARIOS
from semore_gym.scenarios.base import Actor, Cross, Respawn, RoadPosition
from semore_gym.scenarios.weather import WEATHERS

pytest.importorskip("carla", reason="the carla client has no wheel for this Python or platform")

import carla

from semore_gym.backends.carla.backend import CarlaBackend

CAMERA = CameraConfig(width=32, height=32)
FAST = CarlaConfig(timeout=2.0, load_timeout=20.0)


def episode(name="JayWalk", seed=0):
    return SCENARIOS.load(name)().episode(np.random.default_rng(seed))


@pytest.fixture
def backend_on(monkeypatch, tmp_path):
    """backend_on(port, **changes) -> a backend; all are closed at the end."""
    monkeypatch.setenv("HOME", str(tmp_path))  # where the client library caches maps for ever
    made = []

    def make(port, **changes):
        made.append(CarlaBackend(CAMERA, replace(FAST, port=port, **changes)))
        return made[-1]

    yield make
    for backend in made:
        backend.close()


def drive_until_lost(backend, ticks=60):
    """Drive; how many ticks worked, and how long the one that failed took."""
    for done in range(ticks):
        start = time.monotonic()
        try:
            backend.tick(Control(throttle=0.5))
        except SimulatorError as error:
            return done, time.monotonic() - start, str(error)
    raise AssertionError("nothing broke")


def client_of(backend):
    return backend._client.pid


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("--die-at", ""),
        ("--drop-at", ""),
        ("--hang-at", ""),
        ("--delay-at", ""),
        ("--no-picture-at", "the rgb camera s"),
    ],
)
def test_a_fault_ends_the_episode_and_no_more(fault, said, start_carla, backend_on):
    server = start_carla(fault, "40")
    backend = backend_on(server.port)
    backend.reset(episode())
    pid = client_of(backend)
    done, seconds, error = drive_until_lost(backend)
    assert done > 20
    assert said in error
    assert seconds < 15.0
    assert not psutil.pid_exists(pid)
    if fault not in ("--die-at", "--hang-at", "--delay-at"):
        backend.reset(episode(seed=1))
        assert backend.tick(Control(throttle=1.0)).frame == 1


@pytest.mark.parametrize("fault", ["--late-picture-at", "--twice-at"])
def test_a_late_or_double_picture_does_not_matter(fault, start_carla, backend_on):
    plain, odd = (backend_on(start_carla(*words).port) for words in ((), (fault, "20")))
    for backend in (plain, odd):
        backend.reset(episode())
    for _ in range(30):
        ticks = [backend.tick(Control(throttle=0.5)) for backend in (plain, odd)]
        assert ticks[0] == ticks[1]
        np.testing.assert_array_equal(plain.image("rgb"), odd.image("rgb"))


def test_refused_spawns_are_tried_again(start_carla, backend_on):
    backend = backend_on(start_carla("--refuse-spawns", "2").port)
    backend.reset(episode())
    for _ in range(3):
        backend.tick(Control())
    assert backend.tick(Control()).frame == 4


@pytest.mark.slow
def test_a_server_that_was_replaced_is_found_again(start_carla, backend_on):
    server = start_carla()
    backend = backend_on(server.port)
    backend.reset(episode())
    backend.tick(Control())
    server.kill()
    with pytest.raises(SimulatorError):
        backend.tick(Control())
    again = threading.Timer(1.0, start_carla, ["--port", str(server.port)])
    again.start()
    backend.reset(episode())
    assert backend.tick(Control()).frame == 1
    again.join()


@pytest.mark.slow
@pytest.mark.parametrize("blow", [signal.SIGSEGV, signal.SIGSTOP, signal.SIGKILL])
def test_a_client_that_dies_or_hangs_costs_one_episode(blow, carla_address, backend_on):
    backend = backend_on(int(carla_address().rpartition(":")[2]))
    backend.reset(episode())
    backend.tick(Control(throttle=1.0))
    pid = client_of(backend)
    os.kill(pid, blow)
    start = time.monotonic()
    with pytest.raises(SimulatorError, match=r"died|did not answer"):
        backend.tick(Control(throttle=1.0))
    backend.reset(episode())
    assert time.monotonic() - start < 15.0
    assert not psutil.pid_exists(pid)
    assert backend.tick(Control(throttle=1.0)).frame == 1


def test_another_version_is_refused_at_once(start_carla, backend_on):
    backend = backend_on(start_carla("--version", "0.9.15").port)
    start = time.monotonic()
    with pytest.raises(SimulatorError, match=r"carla package is 0\.9\.16 and the server at .* is 0\.9\.15"):
        backend.reset(episode())
    assert time.monotonic() - start < 10.0


def test_nobody_there_is_said_once_and_what_to_do(backend_on, caplog):
    backend = backend_on(1, attempts=2)
    with pytest.raises(SimulatorError, match=r"no CARLA server answers at 127\.0\.0\.1:1") as error:
        backend.reset(episode())
    assert "`semore carla start`" in str(error.value)
    assert "`semore doctor --carla 127.0.0.1:1`" in str(error.value)
    assert not caplog.records


def test_a_second_driver_on_a_server_is_refused_and_harms_nobody(carla_address, backend_on):
    port = int(carla_address().rpartition(":")[2])
    first, second = backend_on(port), backend_on(port, attempts=1)
    first.reset(episode())
    frames, over = [], threading.Event()

    def drive():
        while not over.is_set():
            frames.append(first.tick(Control()).frame)

    driver = threading.Thread(target=drive)
    driver.start()
    with pytest.raises(SimulatorError, match=rf"another client drives on the CARLA server at .*:{port}"):
        second.reset(episode(seed=1))
    over.set()
    driver.join()
    assert frames == list(range(1, len(frames) + 1))
    assert first.tick(Control(throttle=1.0)).frame == len(frames) + 1


def test_a_driver_who_pauses_keeps_the_server_until_its_end(carla_address, backend_on):
    address = carla_address()
    code = (
        "import gymnasium as gym, semore_gym\n"
        "env = gym.make('SemoreCarla-JayWalk-v0', image_size=32); env.reset(seed=0)\n"
        "while True:\n"
        "    print(env.step([0.0, 1.0])[4]['tick'], flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "SEMORE_CARLA": address},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as first:
        second = backend_on(int(address.rpartition(":")[2]), attempts=1)
        ticks = [first.stdout.readline()]
        with pytest.raises(SimulatorError, match=rf"another client drives on the CARLA server at {address}"):
            second.reset(episode(seed=1))
        first.stdin.write("\n")
        first.stdin.flush()
        ticks.append(first.stdout.readline())
        assert ticks == ["4\n", "8\n"]
        first.kill()
    second.reset(episode(seed=1))
    assert second.tick(Control(throttle=1.0)).frame == 1


@pytest.mark.slow
def test_closing_does_not_wait_long_for_a_server_that_hangs(start_carla, backend_on):
    server = start_carla()
    backend = backend_on(server.port)
    backend.reset(episode())
    pid = client_of(backend)
    server.process.send_signal(signal.SIGSTOP)
    start = time.monotonic()
    backend.close()
    assert time.monotonic() - start < 2 * FAST.timeout
    assert not psutil.pid_exists(pid)


def test_a_road_that_is_not_there_is_said_at_once(carla_address, backend_on):
    backend = backend_on(int(carla_address().rpartition(":")[2]))
    there = episode()
    lost = replace(there, location=replace(there.location, carla_road=7))
    with pytest.raises(SimulatorError, match=r"no lane -1 at .* m of its road 7"):
        backend.reset(lost)


@pytest.mark.slow
def test_fifty_resets_leave_nobody_behind(carla_address, backend_on):
    port = int(carla_address().rpartition(":")[2])
    backend = backend_on(port)
    names = list(SCENARIOS)
    for i in range(50):
        placed = episode(names[i // 20 % 3], seed=i)
        backend.reset(placed)
        backend.tick(Control(throttle=1.0))
        here = census(port)
        assert here["sensor.camera.rgb"] == here["sensor.other.collision"] == 1
        # the ego, three sensors and the spectator; the traffic manager removes who drives off the map
        assert sum(here.values()) <= len(placed.actors) + 5
    backend.close()
    assert census(port) == {"spectator": 1}


def census(port):
    """How many of each kind are on a server."""
    return ask(port, "census")


def test_shared_pictures_have_no_name_that_a_kill_could_leave_behind(carla_address, backend_on):
    backend = backend_on(int(carla_address().rpartition(":")[2]))
    backend.reset(episode())
    assert not os.path.exists(backend._client.pictures.path)
    assert backend.image("rgb").std() > 10.0
    assert backend.image("chase").std() > 10.0


@pytest.mark.slow
def test_a_killed_environment_leaves_no_client(carla_address, tmp_path):
    address = carla_address()
    code = (
        "import sys, time, gymnasium as gym, semore_gym\n"
        "env = gym.make('SemoreCarla-HighWay-v0', image_size=32); env.reset(seed=0)\n"
        "print(env.unwrapped._backend._client.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "SEMORE_CARLA": address, "HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        pid = int(process.stdout.readline())
        process.kill()
    psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=5)
    assert not psutil.pid_exists(pid)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (
            ("--without", "walker.pedestrian.0001"),
            r"no blueprint 'walker\.pedestrian\.0001'; .*\.0002",
        ),
        (("--without", "sensor.camera.rgb"), r"no blueprint 'sensor\.camera\.rgb'; .*sensor\.camera\.depth"),
        (("--no-rendering",), "server is in no-rendering mode"),
        (("--no-weather",), "set weather|did not take the weather"),
        (
            ("--kerb", "9"),
            r"refused \d of \d actors: walker\.\S+ at s = .* m: spawn failed because",
        ),
    ],
)
def test_what_a_server_lacks_or_refuses_is_said(fault, said, start_carla, backend_on):
    backend = backend_on(start_carla(*fault).port, attempts=1)
    walkers = tuple(actor for actor in episode(seed=1).actors if actor.blueprint.startswith("walker."))
    start = time.monotonic()
    with pytest.raises(SimulatorError, match=said):
        backend.reset(replace(episode(), actors=walkers))
    assert time.monotonic() - start < 8.0


@pytest.mark.parametrize("kerb", ["0.2", "0.4"])
def test_people_stand_on_a_high_kerb(kerb, start_carla, backend_on):
    backend = backend_on(start_carla("--kerb", kerb).port)
    placed = episode()
    backend.reset(placed)
    assert len(backend.surroundings().others) == len(placed.actors)


def test_everybody_who_drives_at_night_has_lights(carla_address, backend_on):
    port = int(carla_address().rpartition(":")[2])
    backend, dark = backend_on(port), episode("HighBeam")
    audi = replace(dark.actors[1], blueprint="vehicle.audi.a2")  # it has no lamps on CARLA
    backend.reset(replace(dark, actors=(dark.actors[0], audi)))
    lights = sorted((kind, state & 0b111) for kind, state in ask(port, "lights"))
    assert lights == [
        ("vehicle.bh.crossbike", 0b011),
        ("vehicle.lincoln.mkz_2020", 0b101),
        ("vehicle.tesla.model3", 0b011),
    ]
    backend.reset(episode("JayWalk"))
    assert {state for _, state in ask(port, "lights")} == {0}


def test_noon_is_carlas_own(carla_address, backend_on):
    port = int(carla_address().rpartition(":")[2])
    backend_on(port).reset(episode())
    noon = carla.WeatherParameters.CloudyNoon
    weather = ask(port, "get_weather_parameters")
    assert weather == pytest.approx([getattr(noon, name) for name in vars(WEATHERS["cloudy_noon"])])


def test_a_map_has_one_traffic_manager_however_many_episodes(start_carla, backend_on):
    port = start_carla("--map", "Town04").port
    backend = backend_on(port)
    for seed in range(4):
        backend.reset(episode("HighWay", seed))
        backend.tick(Control(throttle=1.0))
    assert ask(port, "made_traffic_managers") == 1
    backend.close()


def test_the_ego_takes_throttle_from_the_first_tick(start_carla, backend_on):
    backend = backend_on(start_carla().port)
    backend.reset(episode())
    speeds = [backend.tick(Control(throttle=1.0)).speed for _ in range(10)]
    assert speeds[-1] > 1.0


def test_the_scripted_driver_knows_the_scenarios_speed_limit(carla_address, backend_on):
    backend = backend_on(int(carla_address().rpartition(":")[2]))
    tick = backend.reset(replace(episode("HighWay"), actors=()))
    fastest = 0.0
    for _ in range(250):
        tick = backend.tick(backend.scripted_control())
        fastest = max(fastest, tick.speed)
    assert 20.0 < fastest < 25.5  # HighWay's limit is 25 m/s


@pytest.mark.parametrize("respawn", [None, Respawn(behind=12.0, ahead=(55.0, 110.0))])
def test_people_can_be_run_over_and_the_dead_are_replaced(respawn, carla_address, backend_on):
    backend = backend_on(int(carla_address().rpartition(":")[2]))
    walker = Actor("walker.pedestrian.0001", -1, 9.0, Cross(2.0, 0.0), respawn=respawn)
    backend.reset(replace(episode(), ego=RoadPosition(-1, 1.0), actors=(walker,)))
    pedals, hardest, others = Control(throttle=0.7), 0.0, []
    for _ in range(290):
        tick = backend.tick(pedals)
        hardest = max(hardest, tick.person_hit_speed)
        if tick.contact:
            pedals = Control(brake=1.0)
        others.append(backend.surroundings().others)
    assert hardest > 1.0
    assert len(others[0]) == 1
    assert () in others
    assert [other.ahead > 50.0 for other in others[-1]] == ([True] if respawn else [])
