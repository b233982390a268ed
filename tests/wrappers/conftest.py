import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces


@pytest.fixture
def painter():
    """Makes a small image environment that draws noise, always into the same array."""

    class Painter(gym.Env):
        observation_space = spaces.Box(0, 255, (40, 36, 3), np.uint8)
        action_space = spaces.Box(-1, 1, (2,), np.float32)

        def __init__(self, length=12):
            self.length = length
            self.canvas = np.zeros((40, 36, 3), np.uint8)
            self.options = []

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            self.options.append(options)
            self.steps = 0
            return self.paint(), {}

        def step(self, action):
            self.steps += 1
            return self.paint(), 1.0, self.steps >= self.length, False, {}

        def paint(self):
            self.canvas[...] = self.np_random.integers(256, size=self.canvas.shape)
            return self.canvas

        def segmentation(self):
            return np.where(self.canvas[..., 0] > 200, 14, 1).astype(np.uint8)

    return Painter
