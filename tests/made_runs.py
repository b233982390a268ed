"""Run folders with real tables of evaluation episodes, and scores that a test chooses."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from semore_gym.config import TrainConfig
from semore_gym.evaluation import EpisodeResult, Evaluation
from semore_gym.runs.episode_rows import EpisodeRows
from semore_gym.runs.folder import RunFolder


def make_run(
    path: Path,
    rewards: Mapping[int, Sequence[float]],
    algo: str = "sac",
    scenario: str = "HighWay",
    ends: Sequence[str] = ("collision", "horizon"),
    **config: Any,
) -> RunFolder:
    """A run whose evaluations after so many agent steps have episodes with these rewards.

    Distance is twice the reward, crash intensity 1000, steer 10 and brake 2; `ends` are taken in turns.
    """
    settings = {
        "steps": max(rewards),
        "evaluation_episodes": len(next(reversed(rewards.values()))),
        "preset": "light",
    }
    env = f"SemoreCarla-{scenario}-v0"
    run = RunFolder.create(TrainConfig(env=env, algo=algo, **{**settings, **config}), path)
    rows = EpisodeRows(run, torch.device("cpu"))
    table = []
    for step, own in rewards.items():
        episodes = [
            EpisodeResult(i, 100 + i, reward, 50, 200, 2 * reward, 1000.0, 10.0, 2.0, ends[i % len(ends)])
            for i, reward in enumerate(own)
        ]
        table += rows.of(Evaluation(episodes), step, 36.0 * step)
    run.write_rows("evaluation_episodes", table)
    return run
