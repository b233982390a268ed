"""The folder of one training run."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from semore_gym.config import TrainConfig
from semore_gym.results.read import SHIFTED, read_config
from semore_gym.utils.files import UNFINISHED, read_rows, write_rows, write_text
from semore_gym.utils.processes import mark_process, marked_process

PROCESS = "process.json"  # in a run's folder: who trains it; in a benchmark's: who runs it
ENDED = "ended.json"  # in a run's folder: how long the training was that left everything


class RunFolder:
    """A training run on the disk.

    It holds config.json, episodes.csv (one row per training episode), evaluations.csv (one row per
    evaluation), evaluation_episodes.csv (one row per episode of these, see `EpisodeRows`),
    shifted_episodes.csv (of the finished agent elsewhere, see `drive_shifts`), checkpoints/, replay/ (the
    frames that the checkpoints share), tensorboard/, videos/ and learning_curve.png. Every file is written
    under another name and then moved, so none is ever half there.

    Args:
        path: A folder that `create` has made.

    Raises:
        ValueError: If the folder holds no run.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = read_config(path)
        self.replay = path / "replay"
        self.tensorboard = path / "tensorboard"
        self.curve = path / "learning_curve.png"

    @classmethod
    def create(cls, config: TrainConfig, path: Path | None = None) -> RunFolder:
        """Make the folder of a new run.

        Args:
            config: Written into it.
            path: Where; None is the first free one of runs/<env>-<algo>-seed<seed>-<n>.

        Raises:
            ValueError: If `path` exists and is not an empty folder.
        """
        path = path or _free_name(config)
        refuse_used(path)
        path.mkdir(parents=True, exist_ok=True)
        for name in ("checkpoints", "videos"):
            (path / name).mkdir()
        write_text(path / "config.json", config.to_json())
        return cls(path)

    def extend(self, steps: int) -> None:
        """Make the training longer.

        Args:
            steps: Its new length [agent steps].

        Raises:
            ValueError: If that is less than before.
        """
        if steps < self.config.steps:
            raise ValueError(f"steps must be at least the {self.config.steps} of {self.path}, got {steps}")
        self.config = replace(self.config, steps=steps)
        write_text(self.path / "config.json", self.config.to_json())

    def trained_by(self) -> psutil.Process | None:
        """The process of this machine that trains it now, None if none does."""
        return marked_process(self.path / PROCESS)

    def claim(self) -> None:
        """Note that this process trains it, until `release`.

        Raises:
            ValueError: If another does.
        """
        other = self.trained_by()
        if other is not None and other.pid != os.getpid():
            raise ValueError(
                f"{self.path} is being trained by process {other.pid}: wait for its end, or end it"
            )
        mark_process(self.path / PROCESS, psutil.Process())

    def release(self) -> None:
        """Note that nobody trains it any more."""
        (self.path / PROCESS).unlink(missing_ok=True)

    @classmethod
    def containing(cls, path: Path) -> RunFolder | None:
        """The run that `path` is or lies in, None if there is none."""
        for folder in (path, *path.absolute().parents):
            if (folder / "config.json").is_file() and (folder / "checkpoints").is_dir():
                return cls(folder)
        return None

    def checkpoint(self, agent_steps: int) -> Path:
        """Where the checkpoint of the agent after so many steps belongs."""
        return self.path / "checkpoints" / f"step-{agent_steps:09d}"

    def checkpoints(self) -> list[Path]:
        """Whole checkpoints, the oldest first."""
        found = self.checkpoint(0).parent.glob("step-*")
        return sorted(path for path in found if path.suffix != UNFINISHED)

    def newest_checkpoint(self) -> Path | None:
        """The whole checkpoint that has the most agent steps."""
        return next(reversed(self.checkpoints()), None)

    def video(self, agent_steps: int) -> Path:
        """Where the video of the agent after so many steps belongs."""
        return self.path / "videos" / f"step-{agent_steps:09d}.mp4"

    @property
    def finished(self) -> bool:
        """Whether the training has reached its end and left its last evaluation, its shifts and its video.

        The video may be gone since: `end` notes that everything was there.
        """
        evaluations = self.rows("evaluations")
        last = int(evaluations[-1]["agent_steps"]) if evaluations else 0
        driven = {row["shift"] for row in self.rows(SHIFTED) if int(row["step"]) == last}
        left = self.video(last).is_file() or self._ended() == last
        return last >= self.config.steps and driven >= set(self.config.shifts) and left

    def end(self, agent_steps: int) -> None:
        """Note that everything is there which a training of so many agent steps leaves."""
        write_text(self.path / ENDED, json.dumps({"agent_steps": agent_steps}) + "\n")

    def _ended(self) -> int | None:
        file = self.path / ENDED
        return int(json.loads(file.read_text())["agent_steps"]) if file.is_file() else None

    def rows(self, name: str) -> list[dict[str, str]]:
        """Read the rows of a table, for example "episodes"; none where there is no file yet."""
        return read_rows(self.path / f"{name}.csv")

    def write_rows(self, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write a table whole; a row leaves those columns empty that others have and it has not."""
        write_rows(self.path / f"{name}.csv", rows)


def refuse_used(path: Path) -> None:
    """Let a new run go only where nothing is.

    Raises:
        ValueError: If `path` exists and is not an empty folder.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ValueError(f"{path} exists already: resume it or choose another run folder")


def newest_run(root: Path = Path("runs")) -> Path:
    """The run that was started last.

    Raises:
        ValueError: If there is none.
    """
    runs = [config.parent for config in root.glob("*/config.json")]
    if not runs:
        raise ValueError(f"no run in {root.absolute()}: nothing to resume")
    return max(runs, key=lambda run: (run / "config.json").stat().st_mtime)


def _free_name(config: TrainConfig) -> Path:
    number = 1
    stem = re.sub("[/:]", "-", f"{config.env}-{config.algo}-seed{config.seed}")
    while (path := Path("runs") / f"{stem}-{number}").exists():
        number += 1
    return path
