"""Agent steps per second of the HighWay environment, with CarRacing-v3 beside it, each on one core."""

import time

import gymnasium as gym
import numpy as np

import semore_gym  # noqa: F401

STEPS = 1500


def steps_per_second(env: gym.Env, action: np.ndarray) -> float:
    env.reset(seed=0)
    for _ in range(50):
        env.step(action)
    start, resets = time.perf_counter(), 0.0
    for _ in range(STEPS):
        *_, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            before = time.perf_counter()
            env.reset()
            resets += time.perf_counter() - before
    rate = STEPS / (time.perf_counter() - start - resets)
    env.close()
    return rate


def main() -> None:
    cruise = np.array([0.0, 0.35], np.float32)
    race = steps_per_second(gym.make("CarRacing-v3"), np.array([0.0, 0.1, 0.0], np.float32))
    print(f"CarRacing-v3, 96x96                        {race:7.0f} agent steps/s")
    for label, kwargs in {
        "RGB": {},
        "RGB + segmentation": {"segmentation": True},
        "RGB + segmentation + depth": {"segmentation": True, "depth": True},
    }.items():
        rate = steps_per_second(gym.make("SemoreCarla-HighWay-v0", **kwargs), cruise)
        print(f"HighWay 128x128, {label:26s}{rate:7.0f} agent steps/s, {rate / race:.2f} x CarRacing-v3")


if __name__ == "__main__":
    main()
