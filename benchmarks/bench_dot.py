"""How surely every algorithm learns to point at a dot: ten seeds of what the tests try with one.

Arguments: names of algorithms; all of them where there are none.
"""

import sys
import time

import numpy as np

from helpers.dots import DOT_BAR, DOT_STEPS, dot_reward, learn_dot
from semore_gym.policies import ALGORITHMS

SEEDS = range(10)


def main(names):
    print(f"{DOT_STEPS} steps at 48x48; random actions earn -1.2, always (0, 0) -0.54, the bar is {DOT_BAR}")
    for name in names:
        start = time.perf_counter()
        rewards = []
        for seed in SEEDS:
            model = learn_dot(name, seed)
            rewards.append(dot_reward(lambda seen, model=model: model.predict(seen, deterministic=True)[0]))
        seconds = (time.perf_counter() - start) / len(SEEDS)
        above = sum(reward > DOT_BAR for reward in rewards)
        print(
            f"{name:9s}{above:3d} of {len(SEEDS)} beat the bar; worst {min(rewards):6.3f}, "
            f"mean {np.mean(rewards):6.3f}; {seconds:5.1f} s a seed",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:] or sorted(set(ALGORITHMS) - {"state"}))
