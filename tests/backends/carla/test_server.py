"""The test server against the real client: what the backend's tests rest on."""

import subprocess
import sys

import pytest

pytest.importorskip("carla", reason="the carla client has no wheel for this Python or platform")

# The client library hangs and aborts in ways that only a process of its own contains.
PRELUDE = """
import queue, sys, carla
port, cache = int(sys.argv[1]), sys.argv[2]
client = carla.Client("127.0.0.1", port)
client.set_timeout(5.0)
client.set_files_base_folder(cache)
world = client.get_world()
settings = world.get_settings()
settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.05
world.apply_settings(settings)
if not world.get_map().name.endswith("Town01"):  # a test before this one has been elsewhere
    world = client.load_world("Town01", False)
library, roadmap = world.get_blueprint_library(), world.get_map()

def at(road, lane, s):
    transform = roadmap.get_waypoint_xodr(road, lane, s).transform
    transform.location.z = 0.3
    return transform

def camera(kind, parent, size=64):
    blueprint = library.find("sensor.camera." + kind)
    for name, value in {"image_size_x": size, "image_size_y": size, "fov": 60}.items():
        blueprint.set_attribute(name, str(value))
    mount = carla.Transform(carla.Location(1.6, 0.0, 1.7))
    return world.spawn_actor(blueprint, mount, attach_to=parent)

def finish(*sensors):
    for sensor in sensors:
        sensor.stop()
    for actor in (*sensors, *world.get_actors().filter("vehicle.*"), *world.get_actors().filter("walker.*")):
        actor.destroy()
"""

# An ordinary exit can abort: the library's threads free what python has already taken down.
POSTLUDE = """
import os
os._exit(0)
"""


@pytest.fixture
def run(carla_address, tmp_path):
    """run(code) executes code with a client that is connected and synchronous; it must succeed."""

    def execute(code):
        port = carla_address().rpartition(":")[2]
        words = [sys.executable, "-c", PRELUDE + code + POSTLUDE, port, str(tmp_path)]
        done = subprocess.run(words, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return execute


def test_a_camera_sees_every_tick(run):
    run("""
import time
ego = world.spawn_actor(library.find("vehicle.tesla.model3"), at(12, -1, 5.0))
eye, frames = camera("rgb", ego), queue.Queue()
eye.listen(frames.put)
time.sleep(0.3)
ego.apply_control(carla.VehicleControl(manual_gear_shift=True, gear=1))
world.tick()
frames.get(timeout=5)
start = ego.get_location().x
ego.apply_control(carla.VehicleControl(throttle=1.0))
for _ in range(40):
    frame = world.tick()
    image = frames.get(timeout=5)
    assert image.frame == frame
    assert (image.width, image.height, len(image.raw_data)) == (64, 64, 64 * 64 * 4)
assert 3.0 < ego.get_location().x - start < 12.0
assert 4.0 < ego.get_velocity().length() < 10.0
finish(eye)
""")


def test_depth_and_segmentation_are_of_the_same_view(run):
    run("""
import time
import numpy as np
ego = world.spawn_actor(library.find("vehicle.tesla.model3"), at(12, -1, 5.0))
other = world.spawn_actor(library.find("vehicle.audi.a2"), at(12, -1, 20.0))
eyes = [camera("semantic_segmentation", ego), camera("depth", ego)]
seen = [queue.Queue(), queue.Queue()]
for eye, frames in zip(eyes, seen):
    eye.listen(frames.put)
time.sleep(0.3)
world.tick()
tags, codes = (np.frombuffer(frames.get(timeout=5).raw_data, np.uint8).reshape(64, 64, 4) for frames in seen)
depth = codes[..., 2::-1].astype(float) @ [1.0, 256.0, 65536.0] / (256**3 - 1) * 1000.0
car = tags[..., 2] == 14
assert car.sum() > 20
assert 8.0 < depth[car].min() < 14.0
finish(*eyes)
""")


def test_a_crash_is_reported_with_its_impulse(run):
    run("""
import time
ego = world.spawn_actor(library.find("vehicle.tesla.model3"), at(12, -1, 5.0))
other = world.spawn_actor(library.find("vehicle.nissan.patrol_2021"), at(12, -1, 30.0))
sensor = world.spawn_actor(library.find("sensor.other.collision"), carla.Transform(), attach_to=ego)
hits = []
sensor.listen(lambda event: hits.append((event.other_actor.id, event.normal_impulse.length())))
time.sleep(0.3)
ego.set_target_velocity(carla.Vector3D(10.0, 0.0, 0.0))
for _ in range(60):
    world.tick()
time.sleep(0.2)
assert {number for number, _ in hits} == {other.id}
assert 5_000 < sum(impulse for _, impulse in hits) < 20_000
finish(sensor)
""")


def test_the_traffic_manager_drives(run):
    run("""
import socket
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    manager_port = free.getsockname()[1]
manager = client.get_trafficmanager(manager_port)
manager.set_synchronous_mode(True)
manager.set_random_device_seed(3)
command = carla.command
spawned = client.apply_batch_sync([
    command.SpawnActor(library.find("vehicle.audi.a2"), at(12, -1, s)).then(
        command.SetAutopilot(command.FutureActor, True, manager_port))
    for s in (20.0, 60.0)], True)
assert [answer.error for answer in spawned] == ["", ""]
cars = [world.get_actor(answer.actor_id) for answer in spawned]
before = [car.get_location().x for car in cars]
for _ in range(60):
    world.tick()
assert all(car.get_location().x - x > 8.0 for car, x in zip(cars, before))
assert all(abs(car.get_location().y - 2.0) < 0.3 for car in cars)
manager.set_synchronous_mode(False)
finish()
""")


def test_walkers_walk(run):
    run("""
place = at(12, -3, 20.0)
place.location.z = 1.0  # of its middle
walker = world.spawn_actor(library.find("walker.pedestrian.0001"), place)
walker.apply_control(carla.WalkerControl(carla.Vector3D(0.0, -1.0, 0.0), 2.0))
world.tick()
start = walker.get_location().y
for _ in range(20):
    world.tick()
assert abs(start - walker.get_location().y - 2.0) < 0.05
finish()
""")


def test_maps_load_and_spawns_are_refused(run):
    run("""
assert roadmap.name.endswith("Town01")
world = client.load_world("Town04", False)
assert world.get_settings().synchronous_mode
roadmap, library = world.get_map(), world.get_blueprint_library()
assert roadmap.name.endswith("Town04")
assert roadmap.get_waypoint_xodr(45, -4, 100.0).lane_width == 3.5
first = world.spawn_actor(library.find("vehicle.audi.a2"), at(45, -1, 100.0))
assert world.try_spawn_actor(library.find("vehicle.audi.a2"), at(45, -1, 100.0)) is None
world.tick()
assert len(world.get_actors().filter("vehicle.*")) == 1
finish()
world.tick()
assert len(world.get_actors().filter("vehicle.*")) == 0
world.set_weather(carla.WeatherParameters(fog_density=50.0))
assert world.get_weather().fog_density == 50.0
""")
