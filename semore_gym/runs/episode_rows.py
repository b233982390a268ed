"""The tidy table of a run's evaluation episodes: all that is needed to redo the statistics."""

from __future__ import annotations

from typing import Any

import torch

from semore_gym.config import TrainConfig
from semore_gym.envs.options import choose_scenario
from semore_gym.evaluation import Evaluation
from semore_gym.registry import import_prefix
from semore_gym.runs.folder import RunFolder
from semore_gym.runs.provenance import git_revision, versions


class EpisodeRows:
    """Turns evaluations into rows that say whose they are.

    Args:
        run: The run that is evaluated.
        device: Where its networks live.
    """

    def __init__(self, run: RunFolder, device: torch.device) -> None:
        config: TrainConfig = run.config
        scenario = scenario_name(config.env)
        chosen = choose_scenario(scenario, config.scenario_options, config.weather)
        self._frame_skip = config.frame_skip
        self._run = {
            "trial": run.path.absolute().name,
            "method": config.algo,
            "variant": config.label or config.algo_options.get("variant", ""),
            "scenario": scenario,
            "seed": config.seed,
        }
        self._place = {"weather": chosen.weather, "backend": config.backend or "embedded"}
        self._source = {
            "git_revision": git_revision(),
            "versions": " ".join(f"{name}={value}" for name, value in versions().items()),
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        }

    def of(self, result: Evaluation, agent_steps: int, wall_seconds: float) -> list[dict[str, Any]]:
        """One row an episode.

        Args:
            result: The evaluation.
            agent_steps: That the agent had been trained for.
            wall_seconds: That the run had taken, without its interruptions [s].

        Returns:
            Rows with the run (trial, method, variant, scenario, seed), the moment (step [agent steps],
            simulator_ticks, wall_seconds [s]), the episode (episode, episode_seed, weather, backend), the
            quantities of `semore_gym.evaluation`, end_reason, git_revision, versions and device.
        """
        moment = {"step": agent_steps, "simulator_ticks": agent_steps * self._frame_skip}
        return [
            {
                **self._run,
                **moment,
                "episode": row.episode,
                "episode_seed": row.seed,
                **self._place,
                "episode_reward": row.episode_reward,
                "distance": row.distance,
                "crash_intensity": row.crash_intensity,
                "average_steer": row.average_steer,
                "average_brake": row.average_brake,
                "ticks": row.ticks,
                "steps": row.steps,
                "end_reason": row.end_reason,
                "wall_seconds": round(wall_seconds, 1),
                **self._source,
            }
            for row in result.rows
        ]


def scenario_name(env: str) -> str:
    """The scenario of an environment id, "HighWay" of "SemoreCarla-HighWay-v0"."""
    return import_prefix("env", env).removeprefix("SemoreCarla-").removesuffix("-v0")
