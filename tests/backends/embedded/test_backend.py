import numpy as np
import pytest

from semore_gym.backends.base import CameraConfig, Control
from semore_gym.backends.embedded.backend import EmbeddedBackend
from semore_gym.backends.embedded.physics.world import World
from semore_gym.scenarios import SCENARIOS


def resident_megabytes():
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096 / 2**20
    except FileNotFoundError:
        pytest.skip("memory is measured on Linux only")


def episode(name, seed):
    return SCENARIOS.load(name)().episode(np.random.default_rng(seed))


def growth(cycle, warm_up, count):
    """Megabytes per cycle that are not given back."""
    for i in range(warm_up):
        cycle(i)
    before = resident_megabytes()
    for i in range(warm_up, warm_up + count):
        cycle(i)
    return (resident_megabytes() - before) / count


def test_50_backends_made_and_closed_leave_nothing_behind():
    names = list(SCENARIOS)

    def cycle(i):
        backend = EmbeddedBackend(CameraConfig(64, 64))
        backend.reset(episode(names[i % 3], seed=0))  # the same, since models once drawn are kept
        backend.tick(Control(throttle=1.0))
        backend.image("rgb")
        backend.close()

    assert growth(cycle, warm_up=12, count=50) < 0.15


def test_episodes_leave_nothing_behind():
    backend = EmbeddedBackend(CameraConfig(64, 64))

    def cycle(i):
        backend.reset(episode("JayWalk", seed=0))
        for _ in range(100):
            backend.tick(Control(throttle=0.4))
        backend.image("rgb")

    assert growth(cycle, warm_up=10, count=30) < 0.1
    backend.close()


def test_a_drive_without_drawing_leaves_nothing_behind(make_world):
    world = make_world(on="highway")
    assert isinstance(world, World)

    def cycle(_):
        for _ in range(100):
            world.tick(Control(throttle=0.3, brake=0.1))

    assert growth(cycle, warm_up=5, count=30) < 0.02


def test_the_road_may_change_between_episodes():
    backend = EmbeddedBackend(CameraConfig(64, 64))
    pictures = []
    for name in ("HighWay", "JayWalk", "HighWay"):
        backend.reset(episode(name, 0))
        pictures.append(backend.image("rgb"))
    backend.close()
    np.testing.assert_array_equal(pictures[0], pictures[2])
    assert (pictures[0] != pictures[1]).mean() > 0.5
