"""Run folders with real tables of evaluation episodes, and scores that a test chooses."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from semore_gym.config import TrainConfig
from semore_gym.envs.naming import shifted_config
from semore_gym.results.read import SHIFTED
from semore_gym.results.record import EpisodeRecord, Evaluation
from semore_gym.training.episode_rows import EpisodeRows
from semore_gym.training.run_folder import RunFolder

MEASURED = {"crash_intensity": 1000.0, "average_steer": 10.0, "average_brake": 2.0, "ticks": 200, "steps": 50}


def make_run(
    path: Path,
    rewards: Mapping[int, Sequence[float]],
    algo: str = "sac",
    scenario: str = "HighWay",
    ends: Sequence[str] = ("collision", "horizon"),
    shifted: Mapping[str, Sequence[float]] | None = None,
    **config: Any,
) -> RunFolder:
    """A run whose evaluations after so many agent steps have episodes with these rewards.

    Distance is twice the reward, crash intensity 1000, steer 10 and brake 2; `ends` are taken in turns.
    `shifted` are the rewards of the finished agent elsewhere, by shift.
    """
    shifted = shifted or {}
    settings = {
        "steps": max(rewards),
        "evaluation_episodes": len(rewards[max(rewards)]),
        "preset": "light",
        "shifts": list(shifted),
    }
    env = f"SemoreCarla-{scenario}-v0"
    run = RunFolder.create(TrainConfig(env=env, algo=algo, **{**settings, **config}), path)
    rows = EpisodeRows(run, torch.device("cpu"))
    table = [
        row for step, own in rewards.items() for row in rows.of(_evaluation(own, ends), step, 36.0 * step)
    ]
    run.write_rows("evaluation_episodes", table)
    last, table = max(rewards), []
    for shift, own in shifted.items():
        rows = EpisodeRows(run, torch.device("cpu"), shifted_config(run.config, shift))
        whose = {"shift": shift, "trained_on": scenario}
        table += [{**whose, **row} for row in rows.of(_evaluation(own, ends), last, 36.0 * last)]
    run.write_rows(SHIFTED, table)
    return run


def _evaluation(rewards: Sequence[float], ends: Sequence[str]) -> Evaluation:
    return Evaluation(
        EpisodeRecord(
            i, 100 + i, ends[i % len(ends)], {"episode_reward": reward, "distance": 2 * reward, **MEASURED}
        )
        for i, reward in enumerate(rewards)
    )
