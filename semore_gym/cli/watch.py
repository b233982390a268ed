"""`semore watch`."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium as gym
from rich.console import Console

from semore_gym.cli.command import PolicyCommand, asked
from semore_gym.envs.window import screen_available
from semore_gym.utils.files import ready_to_write

if TYPE_CHECKING:
    from semore_gym.evaluation.tally import Policy


@dataclass(frozen=True)
class Watch(PolicyCommand):
    """Watch a policy drive: in a window where there is a screen, in a video elsewhere."""

    seed: int = 0
    """Seed of the episode."""
    video: Path | None = None
    """Write this mp4 file instead of opening a window."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._check_at_least("seed", 0)

    def run(self, console: Console) -> int:
        """Drive an episode; masks that cost something are not drawn."""
        from semore_gym.agents import named_policy
        from semore_gym.evaluation import record_episode
        from semore_gym.training.build import build_env, without_mask_models

        video = self.video
        if video is None and not screen_available():
            video = self.result_path(self.seed, ".mp4")
        with asked():
            env = build_env(without_mask_models(self), render_mode="human" if video is None else "rgb_array")
        with closing(env):
            with asked():
                policy = named_policy(self.policy, env, self.algo, self.device, self.seed)
            if video is None:
                drive_in_window(policy, env, self.seed)
            else:
                ready_to_write(video)
                record_episode(policy, env, video, seed=self.seed)
                console.print(f"video written to {video}")
        return 0


def drive_in_window(policy: Policy, env: gym.Env[Any, Any], seed: int) -> None:
    """Drive an episode no faster than in reality.

    Args:
        policy: Drives.
        env: Opens the window.
        seed: Of the episode.
    """
    from semore_gym.envs.driving_env import DrivingEnv
    from semore_gym.evaluation.rollout import drive

    inner = env.unwrapped
    assert isinstance(inner, DrivingEnv)
    tick_time = 1.0 / env.metadata["render_fps"] / inner.frame_skip  # [s]
    due = time.monotonic()

    def wait() -> None:
        nonlocal due
        due = max(due + tick_time, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))

    inner.on_tick = wait
    drive(policy, env, 0, seed, look=lambda observation: wait())
