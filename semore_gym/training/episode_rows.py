"""The tidy table of a run's evaluation episodes: all that is needed to redo the statistics."""

from __future__ import annotations

from typing import Any

import torch

from semore_gym.config import EnvConfig, TrainConfig
from semore_gym.envs.naming import scenario_and_weather
from semore_gym.policies import ALGORITHMS
from semore_gym.results.record import Evaluation
from semore_gym.training.run_folder import RunFolder
from semore_gym.utils.provenance import git_revision, versions
from semore_gym.utils.signatures import keywords


class EpisodeRows:
    """Turns evaluations into rows that say whose they are.

    Args:
        run: The run that is evaluated.
        device: Where its networks live.
        driven: The environment in which it drives; None is the one in which it is trained.
    """

    def __init__(self, run: RunFolder, device: torch.device, driven: EnvConfig | None = None) -> None:
        config: TrainConfig = run.config
        scenario, weather = scenario_and_weather(driven or config)
        self._device = device
        self._frame_skip = config.frame_skip
        self._run = {
            "trial": run.path.absolute().name,
            "method": config.algo,
            "variant": label(config),
            "scenario": scenario,
            "seed": config.seed,
        }
        self._simulation = {"weather": weather, "backend": config.backend or "embedded"}
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
            Rows with the run (trial, method, variant, which holds its `label`, scenario, seed), the moment
            (step [agent steps], simulator_ticks, wall_seconds [s], gpu_memory [MiB, the most so far]), the
            episode (episode, episode_seed, weather, backend, `METRICS`, end_reason), and git_revision,
            versions and device.
        """
        gpu_memory = peak_gpu_memory(self._device)
        moment = {"step": agent_steps, "simulator_ticks": agent_steps * self._frame_skip}
        return [
            {
                **self._run,
                **moment,
                "episode": row.episode,
                "episode_seed": row.seed,
                **self._simulation,
                **row.columns(),
                "wall_seconds": round(wall_seconds, 1),
                "gpu_memory": gpu_memory,
                **self._source,
            }
            for row in result.rows
        ]


def label(config: TrainConfig) -> str:
    """The config's label, or else the variant that its algorithm has; "" if that has none."""
    own = {**keywords(ALGORITHMS.load(config.algo)), **config.algo_options}
    return config.label or str(own.get("variant", ""))


def peak_gpu_memory(device: torch.device) -> int | None:
    """The most that torch has held on the GPU so far in this process [MiB]; None elsewhere than on CUDA."""
    return round(torch.cuda.max_memory_allocated(device) / 2**20) if device.type == "cuda" else None
