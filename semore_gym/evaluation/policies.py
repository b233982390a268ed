"""Policies that learn nothing, to compare with."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from stable_baselines3.common.vec_env import VecEnv

Actions = npt.NDArray[Any]


class RandomPolicy:
    """Draws every action uniformly from the action space.

    Args:
        action_space: What to draw from.
        seed: Of the draws.
    """

    def __init__(self, action_space: gym.Space[Any], seed: int = 0) -> None:
        self._space = deepcopy(action_space)
        self._space.seed(seed)

    def predict(self, observation: Any, *, deterministic: bool = True) -> tuple[Actions, None]:
        """Draw one action, or one for each of a batch; `deterministic` changes nothing."""
        count = batch_size(observation)
        if count is None:
            return np.asarray(self._space.sample()), None
        return np.stack([self._space.sample() for _ in range(count)]), None


class ConstantPolicy:
    """Always takes the same action.

    Args:
        action: Of a Box space, made float32. For `DrivingEnv` it is (steer, throttle): (0, 0) does
            nothing, (0, 1) is full throttle ahead.
    """

    def __init__(self, action: npt.ArrayLike) -> None:
        self._action = np.asarray(action, np.float32)

    def predict(self, observation: Any, *, deterministic: bool = True) -> tuple[Actions, None]:
        """The action, once for each of a batch; `deterministic` changes nothing."""
        count = batch_size(observation)
        return self._action.copy() if count is None else np.repeat(
            self._action[np.newaxis], count, axis=0
        ), None


class ScriptedPolicy:
    """Asks the environment itself for a careful driver's action, as `DrivingEnv` can tell.

    Args:
        env: The environment that is driven, or SB3's several of them.

    Raises:
        TypeError: If it has no `scripted_action()`.
    """

    def __init__(self, env: gym.Env[Any, Any] | VecEnv) -> None:
        known = env.has_attr if isinstance(env, VecEnv) else env.has_wrapper_attr
        if not known("scripted_action"):
            raise TypeError(f"ScriptedPolicy needs an environment with a method scripted_action(), got {env}")
        self._env = env

    def predict(self, observation: Any, *, deterministic: bool = True) -> tuple[Actions, None]:
        """The driver's action in the environment's current state; the arguments change nothing."""
        if isinstance(self._env, VecEnv):
            return np.stack(self._env.env_method("scripted_action")), None
        return np.asarray(self._env.get_wrapper_attr("scripted_action")()), None


def batch_size(observation: Any) -> int | None:
    """Number of observations in a batch, None for a single one.

    An observation is a vector or an image, or a Dict of these: an odd number of axes. An even number is
    a batch.
    """
    first = next(iter(observation.values())) if isinstance(observation, dict) else observation
    return None if np.ndim(first) % 2 else len(first)
