"""What a training says on the terminal: a live progress bar, a line per evaluation."""

from __future__ import annotations

from collections import deque

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from stable_baselines3.common.callbacks import BaseCallback

from semore_gym.evaluation import Evaluation
from semore_gym.results.metrics import METRICS

SHOWN = ("episode_reward", "distance", "crash_intensity")  # of an evaluation, by their names in `METRICS`


class ProgressBar(BaseCallback):
    """A live bar with agent steps, speed, the reward of the last episodes and the time to go.

    Args:
        console: Where to draw it; a console that is no terminal shows nothing of it.
        total: Length of the whole training [agent steps].
    """

    def __init__(self, console: Console, total: int) -> None:
        super().__init__()
        self._rewards: deque[float] = deque(maxlen=10)
        self._bar = Progress(
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("agent steps  {task.fields[speed]}{task.fields[reward]}"),
            TimeElapsedColumn(),
            TextColumn("gone"),
            TimeRemainingColumn(),
            TextColumn("to go"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("training", total=total, speed="", reward="")

    def _on_training_start(self) -> None:
        self._bar.update(self._task, completed=self.num_timesteps)
        self._bar.start()

    def _on_step(self) -> bool:
        for info in self.locals["infos"]:
            if "episode" in info:
                self._rewards.append(info["episode"]["r"])
        speed = self._bar.tasks[0].speed
        self._bar.update(
            self._task,
            completed=self.num_timesteps,
            speed=f"{speed:.0f}/s" if speed else "",
            reward=self._last_reward(),
        )
        return True

    def _last_reward(self) -> str:
        count = len(self._rewards)
        return f"  last {count} episodes: reward {sum(self._rewards) / count:.1f}" if count else ""

    def _on_training_end(self) -> None:
        self._bar.stop()


def evaluation_line(result: Evaluation, agent_steps: int) -> str:
    """One evaluation in one line."""
    means = {name: found.mean for name, found in result.metrics().items() if name in SHOWN}
    told = [METRICS[name].in_words(mean) for name, mean in means.items()]
    return "  ".join([f"evaluation after {agent_steps:>7,} agent steps", *told])
