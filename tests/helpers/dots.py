"""A task that every algorithm learns in seconds: pointing at a dot."""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from semore_gym.policies import VisualSAC, make_algorithm

Pixels = npt.NDArray[np.uint8]


class PointAtDot(gym.Env[Any, npt.NDArray[np.float32]]):
    """A bright dot jumps about; the reward is minus the squared distance from action to dot, in [-1, 1]."""

    def __init__(self, size: int = 48, mask: bool = True, length: int = 5) -> None:
        self.size, self.mask, self.length = size, mask, length
        frames = spaces.Box(0, 255, (9, size, size), np.uint8)
        residual = spaces.Box(-255, 255, (6, size, size), np.int16)
        masks = spaces.Box(0, 255, (1, size, size), np.uint8)
        self.observation_space = spaces.Dict(frames=frames, residual=residual, mask=masks) if mask else frames
        self.action_space = spaces.Box(-1, 1, (2,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.steps = 0
        self.history = [self._draw()] * 3
        return self._observe(), {"first": True}

    def step(self, action: npt.NDArray[np.float32]) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        reward = -float(np.square(action - self.place).sum())
        self.steps += 1
        self.history = [*self.history[1:], self._draw()]
        return self._observe(), reward, False, self.steps >= self.length, {"first": False}

    def _draw(self) -> Pixels:
        self.place = self.np_random.uniform(-0.8, 0.8, 2)
        x, y = ((self.place + 1) / 2 * self.size).astype(int)
        frame = np.full((3, self.size, self.size), 30, np.uint8)
        frame[:, y - 4 : y + 4, x - 4 : x + 4] = 250
        return frame

    def _observe(self) -> Pixels | dict[str, npt.NDArray[Any]]:
        frames = np.concatenate(self.history)
        if not self.mask:
            return frames
        residual = frames[3:].astype(np.int16) - frames[:-3].astype(np.int16)
        return {"frames": frames, "residual": residual, "mask": (frames[-3:-2] > 128).astype(np.uint8) * 255}


class StillDot(PointAtDot):
    """The dot stands still for an episode, away from the edges; where it stands is stretched to [-0.9, 0.9].

    The learning task that every algorithm must solve. A crop of 84 % of the picture shows the whole dot, and
    a shift by 4 px moves it by 0.25 of the action's range of 2. Random actions earn -1.2 a step, always
    (0, 0) earns -0.54. It is easy: SAC on convolutions that stay random earns -0.08, so that it tests the way
    from pixels to actions as a whole, and not whether the encoder learns.
    """

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        super(PointAtDot, self).reset(seed=seed)
        self.place = self.np_random.uniform(-0.9, 0.9, 2)
        return super().reset(options=options)

    def _draw(self) -> Pixels:
        frame = np.full((3, self.size, self.size), 30, np.uint8)
        x, y = ((self.place / 1.5 + 1) / 2 * self.size).round().astype(int)
        frame[:, y - 6 : y + 6, x - 6 : x + 6] = 250
        return frame


# an action's reward is all that matters, at a learning rate that suits small networks
DOT_STEPS, DOT_BAR = 400, -0.25
DOT_SETTINGS: dict[str, Any] = {
    "preset": "light",
    "learning_rate": 2e-3,
    "learning_starts": 100,
    "batch_size": 32,
    "buffer_size": DOT_STEPS,
    "gamma": 0.01,
    "ent_coef": 0.01,
    "actor_every": 1,
    "device": "cpu",
}


def learn_dot(name: str, seed: int) -> VisualSAC:
    """Train an algorithm for `DOT_STEPS` steps on `StillDot`."""
    return make_algorithm(name, StillDot(), seed=seed, **DOT_SETTINGS).learn(DOT_STEPS)


def dot_reward(policy: Callable[[Any], Any], episodes: int = 100) -> float:
    """Mean reward over dots that no training has seen; `policy` turns an observation into an action."""
    env = StillDot(length=1)
    rewards = []
    for episode in range(episodes):
        observation, _ = env.reset(seed=10_000 + episode)
        rewards.append(env.step(policy(observation))[1])
    return float(np.mean(rewards))
