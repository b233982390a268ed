"""What happens beside the learning: episode rows, evaluations, checkpoints, a clean stop."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import gymnasium as gym
import torch
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.type_aliases import TrainFreq

from semore_gym.config import TrainConfig
from semore_gym.evaluation import Evaluation, evaluate
from semore_gym.policies import VisualSAC
from semore_gym.training.checkpoint import Position, save_checkpoint
from semore_gym.training.episode_rows import EpisodeRows
from semore_gym.training.random_state import preserved, restore_random_state
from semore_gym.training.run_folder import RunFolder

Listener = Callable[[Evaluation, int], None]


class Bookkeeper(BaseCallback):
    """Keeps a run's folder while SB3's `learn` runs.

    Everything is done in `on_rollout_start`, which SB3 calls after the update that follows an agent step and
    before the next action: there the step is in the replay buffer and the update done. With one environment
    it waits for an episode's end, so that the environment is at a reset, which can be redone.

    Args:
        run: Where everything is written.
        evaluation_env: An environment for the evaluations, which leave the training's alone then; None
            evaluates in the training's, whose running episodes begin again after it.
        start: Where a resumed training goes on; None at the beginning.
        on_evaluation: Called with each evaluation and the agent steps done.
    """

    model: VisualSAC

    def __init__(
        self,
        run: RunFolder,
        evaluation_env: gym.Env[Any, Any] | None,
        start: Position | None,
        on_evaluation: Listener,
    ) -> None:
        super().__init__()
        self.run = run
        self.config: TrainConfig = run.config
        self.stop_asked = False
        self.stopped = False
        self._evaluation_env = evaluation_env
        self._start = start
        self._on_evaluation = on_evaluation
        self._evaluate_at = start.evaluate_at if start else 0
        self._checkpoint_at = start.checkpoint_at if start else 0
        self._episodes = list(start.episodes) if start else [0] * run.config.n_envs
        self._at_reset = True
        self._began = time.monotonic() - (start.wall_seconds if start else 0.0)
        self._tables: dict[str, list[dict[str, Any]]] = {
            name: [row for row in run.rows(name) if start and int(row["agent_steps"]) <= start.agent_steps]
            for name in ("episodes", "evaluations")
        }
        evaluated = {row["agent_steps"] for row in self._tables["evaluations"]}
        self._tables["evaluation_episodes"] = [
            row for row in run.rows("evaluation_episodes") if row["step"] in evaluated
        ]

    @property
    def exact(self) -> bool:
        """Whether checkpoints wait for an episode's end and continue bit-equal on the CPU."""
        frequency = self.model.train_freq
        assert isinstance(frequency, TrainFreq)
        return self.config.n_envs == 1 and frequency.frequency == 1

    @property
    def evaluated(self) -> bool:
        """Whether the newest evaluation is of the agent as it is."""
        rows = self._tables["evaluations"]
        return bool(rows) and int(rows[-1]["agent_steps"]) == self.model.num_timesteps

    def wall_seconds(self) -> float:
        """That the run has taken so far, without its interruptions and what a kill has undone [s]."""
        return time.monotonic() - self._began

    def _init_callback(self) -> None:
        self._episode_rows = EpisodeRows(self.run, self.model.device)
        if self.evaluated:  # at the end of a training that is longer now, after its last checkpoint
            self._evaluate_at = self._next(self.config.evaluate_every)
        if self.model.device.type == "cuda":  # an earlier run of the same process may have taken more
            torch.cuda.reset_peak_memory_stats(self.model.device)

    def evaluate(self) -> None:
        """Evaluate the agent as it is, without touching the training's random states."""
        steps = self.model.num_timesteps
        with preserved():
            result = evaluate(
                self.model,
                self._evaluation_env or self.training_env,
                episodes=self.config.evaluation_episodes,
                seed=self.config.evaluation_seed,
            )
        row: dict[str, Any] = {"agent_steps": steps, "simulator_ticks": steps * self.config.frame_skip}
        for name, metric in result.metrics().items():
            row |= {
                name: metric.mean,
                f"{name}_std": metric.std,
                f"{name}_low": metric.mean_low,
                f"{name}_high": metric.mean_high,
            }
        # an evaluation counts once it is in evaluations.csv, which is therefore the last to be written
        self._add_rows("evaluation_episodes", self._episode_rows.of(result, steps, self.wall_seconds()))
        self._add_rows("evaluations", [row])
        if self._evaluation_env is None:
            self._begin_again()
        self._evaluate_at = self._next(self.config.evaluate_every)
        self._on_evaluation(result, steps)

    def _next(self, every: int) -> int:
        """When something that is done now is due again [agent steps]."""
        return (self.model.num_timesteps // every + 1) * every

    def save(self) -> None:
        """Write a checkpoint of the training as it is."""
        self._checkpoint_at = self._next(self.config.checkpoint_every)
        position = Position.of(
            self.model,
            episodes=tuple(self._episodes),
            evaluate_at=self._evaluate_at,
            checkpoint_at=self._checkpoint_at,
            exact=self.exact and self._at_reset,
            wall_seconds=self.wall_seconds(),
        )
        save_checkpoint(self.run, self.model, position)

    def _begin_again(self) -> None:
        """Give the training's environments back to the training, at the start of their running episodes."""
        self.training_env.seed(self.config.seed)
        self.training_env.set_options([{"episode": episode} for episode in self._episodes])
        self.model._last_obs = self.training_env.reset()  # type: ignore[assignment]  # a dict too

    def _on_training_start(self) -> None:
        if self._start is not None:  # the environments have been reset: nothing draws before the first action
            restore_random_state(self._start.random)
            self.model.action_space.np_random.bit_generator.state = self._start.action_space

    def _on_rollout_start(self) -> None:
        if self._at_reset or not self.exact:
            if self.model.num_timesteps >= self._evaluate_at:
                self.evaluate()
            if self.model.num_timesteps >= self._checkpoint_at:
                self.save()
        if self.stop_asked:
            self.save()
            self.stopped = True

    def _on_step(self) -> bool:
        dones = self.locals["dones"]
        self._at_reset = bool(dones.all())
        for index, done in enumerate(dones):
            if done:
                self._add_episode(index, self.locals["infos"][index])
        return not self.stopped

    def _add_episode(self, index: int, info: dict[str, Any]) -> None:
        row = {
            "agent_steps": self.num_timesteps,
            "environment": index,
            "episode": self._episodes[index],
            "episode_reward": info["episode"]["r"],
            "episode_steps": info["episode"]["l"],
            "end_reason": info.get("end_reason", ""),
        }
        self._add_rows("episodes", [row])
        self._episodes[index] += 1

    def _add_rows(self, table: str, rows: list[dict[str, Any]]) -> None:
        self._tables[table] += rows
        self.run.write_rows(table, self._tables[table])


@contextmanager
def stops_cleanly(bookkeeper: Bookkeeper) -> Iterator[None]:
    """Let the first Ctrl-C, or SIGTERM, save and stop; the second interrupts at once."""

    def ask(number: int, frame: FrameType | None) -> None:
        bookkeeper.stop_asked = True
        signal.signal(number, signal.default_int_handler)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
