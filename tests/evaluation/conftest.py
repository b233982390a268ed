import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces


@pytest.fixture
def track():
    """Makes an environment that ends at random and reports what a driving environment does."""

    class Track(gym.Env):
        metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012
        observation_space = spaces.Box(0, 255, (9, 40, 40), np.uint8)
        action_space = spaces.Box(-1, 1, (2,), np.float32)

        def __init__(self, reasons=("collision", "horizon"), render_mode=None):
            self.reasons = reasons
            self.render_mode = render_mode
            self.log = []  # of the running episode: action, ticks, distance, impulse

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            self.seed, self.tick, self.log = seed, 0, []
            self.length = int(self.np_random.integers(1, 30))
            return self.look(), self.info(np.zeros(2), 0.0, 0.0, "")

        def step(self, action):
            ticks = int(self.np_random.integers(1, 5))
            distance, impulse = self.np_random.random(2) * (1.0, 500.0)
            self.tick += ticks
            self.log.append((np.array(action), ticks, distance, impulse))
            over = len(self.log) >= self.length
            reason = self.reasons[self.length % len(self.reasons)] if over else ""
            truncated = reason in ("horizon", "simulator_error")
            reward = distance - float(action[0])
            info = self.info(action, distance, impulse, reason)
            return self.look(), reward, over and not truncated, truncated, info

        def look(self):
            self.frames = self.np_random.integers(256, size=(9, 40, 40), dtype=np.uint8)
            return self.frames

        def info(self, action, distance, impulse, reason):
            return {
                "tick": self.tick,
                "distance": distance,
                "crash_intensity": impulse,
                "steer": float(action[0]),
                "brake": max(-float(action[1]), 0.0),
                "end_reason": reason,
            }

        def scripted_action(self):
            return np.array([self.tick % 7 / 7, 0.5], np.float32)

        def render(self):
            return np.full((480, 640, 3), min(8 * len(self.log), 255), np.uint8)

    return Track


@pytest.fixture
def gazing():
    """A policy whose action is computed from what it sees, batched or not."""

    class Gazing:
        def predict(self, observation, *, deterministic=True):
            return observation[..., 0, 0, :2].astype(np.float32) / 127.5 - 1.0, None

    return Gazing()
