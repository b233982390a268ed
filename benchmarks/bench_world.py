"""Ticks per second of the embedded world without drawing, on one core, and what a reset costs."""

import time

import numpy as np

from semore_gym.backends.base import CameraConfig
from semore_gym.backends.embedded.backend import EmbeddedBackend
from semore_gym.scenarios import SCENARIOS

TICKS = 500
EPISODES = 6
OPTIONS = {"HighWay": [{"vehicles": 12}, {"vehicles": 30}], "JayWalk": [{}], "HighBeam": [{}]}


def main() -> None:
    for name, variants in OPTIONS.items():
        for options in variants:
            scenario = SCENARIOS.load(name)(**options)
            backend = EmbeddedBackend(CameraConfig())
            driving = resetting = 0.0
            for seed in range(EPISODES):
                episode = scenario.episode(np.random.default_rng(seed))
                start = time.process_time()
                backend.reset(episode)
                resetting += time.process_time() - start
                for _ in range(TICKS):
                    control = backend.scripted_control()
                    start = time.process_time()
                    backend.tick(control)
                    driving += time.process_time() - start
            backend.close()
            label = f"{name} {options or ''}"
            rate, reset = EPISODES * TICKS / driving, 1e3 * resetting / EPISODES
            print(f"{label:28s}{rate:7.0f} ticks/s, {4e3 / rate:5.2f} ms per 4 ticks, reset {reset:4.1f} ms")


if __name__ == "__main__":
    main()
