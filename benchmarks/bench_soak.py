"""100,000 random agent steps over all scenarios and weathers: no exception, no NaN, flat memory."""

import sys

import gymnasium as gym
import numpy as np
import psutil

import semore_gym  # noqa: F401
from semore_gym.scenarios import SCENARIOS
from semore_gym.scenarios.weather import WEATHERS

STEPS = 100_000


def soak(steps: int) -> list[float]:
    """Drive, and return the resident memory after each scenario x weather [MB]."""
    cases = [(name, weather) for name in SCENARIOS for weather in WEATHERS] * 2
    memory = []
    for seed, (name, weather) in enumerate(cases):
        env = gym.make(f"SemoreCarla-{name}-v0", weather=weather, segmentation=True, image_size=64)
        env.action_space.seed(seed)
        env.reset(seed=seed)
        for _ in range(steps // len(cases)):
            observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
            assert env.observation_space.contains(observation)
            assert np.isfinite(reward)
            assert not any(np.isnan(value) for value in info.values() if isinstance(value, float))
            if terminated or truncated:
                env.reset()
        env.close()
        memory.append(psutil.Process().memory_info().rss / 1e6)
    return memory


def main() -> None:
    memory = soak(int(sys.argv[1]) if len(sys.argv) > 1 else STEPS)
    half = len(memory) // 2
    marks = {"first": 0, "half-way": half - 1, "end": -1}
    print(", ".join(f"{mark}: {memory[i]:.0f} MB" for mark, i in marks.items()))
    print(f"resident memory at the end is {memory[-1] / memory[half - 1]:.3f} x that half-way")


if __name__ == "__main__":
    main()
