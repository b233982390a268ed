"""Time of one picture of the embedded simulator, and memory of making and closing it a thousand times."""

import time

import numpy as np

from semore_gym.backends.base import CameraConfig
from semore_gym.backends.embedded.actor_state import ActorState
from semore_gym.backends.embedded.blueprints import BODIES, EGO
from semore_gym.backends.embedded.drawing.renderer import Renderer
from semore_gym.backends.embedded.roads import road
from semore_gym.scenarios.weather import WEATHERS

FRAMES, CYCLES = 600, 1000


def scene(name: str, s: float) -> tuple[ActorState, list[ActorState]]:
    """The ego and ten others ahead of it, of every kind."""
    lane = -6.25 if name == "highway" else -2.0
    actors = []
    for id, blueprint in enumerate([EGO, *BODIES]):
        x, y, heading = road(name).pose(s + 12.0 * id, lane + (id % 3) * 2.0)
        actors.append(ActorState(id, blueprint, x, y, heading=heading, color=id, phase=s, braking=id == 1))
    return actors[0], actors[1:]


def milliseconds(name: str, weather: str, kinds: tuple[str, ...], size: int = 128) -> float:
    """Median over a drive of `FRAMES` frames, after one that builds the scenery."""
    renderer = Renderer(road(name), CameraConfig(size, size))
    renderer.begin(WEATHERS[weather], 0)
    spent = []
    for frame in range(2 * FRAMES):
        actors = scene(name, 100.0 + frame % FRAMES)
        start = time.perf_counter()
        renderer.show(*actors)
        for kind in kinds:
            renderer.image(kind)
        spent.append(time.perf_counter() - start)
    renderer.close()
    return 1e3 * float(np.median(spent[FRAMES:]))


def resident() -> float:
    """Memory of this process [MiB]."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


def main() -> None:
    for name in ("highway", "street"):
        for weather in WEATHERS:
            rgb = milliseconds(name, weather, ("rgb",))
            everything = milliseconds(name, weather, ("rgb", "segmentation", "depth"))
            print(
                f"{name:8s} {weather:12s} RGB {rgb:.2f} ms, with segmentation and depth {everything:.2f} ms"
            )
    for size in (64, 84, 256, 512):
        spent = milliseconds("highway", "cloudy_noon", ("rgb",), size)
        print(f"highway  cloudy_noon  RGB at {size} px {spent:.2f} ms")
    for done in range(CYCLES + 1):
        renderer = Renderer(road("street"), CameraConfig())
        renderer.begin(WEATHERS["cloudy_noon"], 0)
        renderer.show(*scene("street", 100.0))
        renderer.image("rgb")
        renderer.close()
        if done % 250 == 0:
            print(f"made and closed {done:4d} times: {resident():.1f} MiB")


if __name__ == "__main__":
    main()
