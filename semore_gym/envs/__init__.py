"""The driving environment and its rewards and ends."""

from semore_gym.envs.driving_env import DrivingEnv
from semore_gym.envs.reward import REWARDS, Reward

__all__ = ["REWARDS", "DrivingEnv", "Reward"]
