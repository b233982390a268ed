"""Semore's encoder inside other people's algorithms: a features extractor and nothing else."""

from typing import Any

import gymnasium as gym
from sb3_contrib import TQC, CrossQ
from stable_baselines3 import SAC, TD3

import semore_gym
from semore_gym.policies import SemoreExtractor
from semore_gym.wrappers import FrameHistory

STEPS = 1_000  # agent steps of each algorithm


def policy_kwargs() -> dict[str, Any]:
    light = {"channels": (32, 32, 32, 32)}
    return {
        "features_extractor_class": SemoreExtractor,
        "features_extractor_kwargs": light,
        "net_arch": [256, 256],
    }


def main(steps: int = STEPS, learning_starts: int = 100, batch_size: int = 32) -> None:
    sizes = {"learning_starts": learning_starts, "batch_size": batch_size, "buffer_size": 1_000}
    env = semore_gym.make_env("SemoreCarla-HighWay-v0", masks="oracle", image_size=64)
    for algorithm in (SAC, TD3, TQC):
        algorithm("MultiInputPolicy", env, policy_kwargs=policy_kwargs(), **sizes).learn(steps)
        print(f"{algorithm.__name__} learned {steps} steps from frames, residuals and masks")
    env.close()

    # a plain stacked image does as well: the extractor makes the residual itself
    image_env = FrameHistory(gym.make("SemoreCarla-HighWay-v0", image_size=64), frames=3)
    CrossQ("MlpPolicy", image_env, policy_kwargs=policy_kwargs(), **sizes).learn(steps)
    print(f"CrossQ learned {steps} steps from stacked images")
    image_env.close()


if __name__ == "__main__":
    main()
