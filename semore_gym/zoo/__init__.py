"""Every algorithm in RL Baselines3 Zoo: `python -m semore_gym.zoo train --algo semore --env ...`."""

from semore_gym.zoo.algorithms import HYPERPARAMS, ZooAlgorithm, register_algorithms

__all__ = ["HYPERPARAMS", "ZooAlgorithm", "register_algorithms"]
