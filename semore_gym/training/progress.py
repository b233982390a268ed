"""What a training says on the terminal: a live progress bar, a line per evaluation."""

from __future__ import annotations

import time
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

LINE_EVERY = 60.0  # where there is no terminal for a bar [s]
SHOWN = ("episode_reward", "distance", "crash_intensity")  # of an evaluation, by their names in `METRICS`


class ProgressBar(BaseCallback):
    """A live bar with agent steps, speed, the reward of the last episodes and the time to go; or lines.

    Args:
        console: Where to draw it; one that is no terminal gets a line a minute instead.
        total: Length of the whole training [agent steps].
    """

    def __init__(self, console: Console, total: int) -> None:
        super().__init__()
        self._rewards: deque[float] = deque(maxlen=10)
        self._console = console
        self._told = time.monotonic(), 0  # when the last line was written, and after how many agent steps
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
        self._told = time.monotonic(), self.num_timesteps

    def _on_step(self) -> bool:
        for info in self.locals["infos"]:
            if "episode" in info:
                self._rewards.append(info["episode"]["r"])
        if not self._console.is_terminal:
            self._write_line()
            return True
        speed = self._bar.tasks[0].speed
        self._bar.update(
            self._task,
            completed=self.num_timesteps,
            speed=f"{speed:.0f}/s" if speed else "",
            reward=self._last_reward(),
        )
        return True

    def _write_line(self) -> None:
        now, (then, steps) = time.monotonic(), self._told
        if now - then < LINE_EVERY:
            return
        self._told = now, self.num_timesteps
        speed = (self.num_timesteps - steps) / (now - then)
        total = self._bar.tasks[0].total or 0
        done = f"{self.num_timesteps:,} of {total:,.0f} agent steps"
        self._console.print(f"training  {done}  {speed:.0f}/s{self._last_reward()}")

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
