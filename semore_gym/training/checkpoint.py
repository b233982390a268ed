"""Checkpoints: all that a training needs to go on as if it had never stopped."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from semore_gym.policies import VisualSAC
from semore_gym.training.random_state import random_state
from semore_gym.training.run_folder import RunFolder
from semore_gym.utils.files import new_folder, remove_folder
from semore_gym.utils.signatures import check_names

KEPT = 2  # checkpoints


@dataclass(frozen=True)
class Position:
    """Where a training is, beside the model and its replay buffer."""

    agent_steps: int
    """How many agent steps the training has done."""
    episodes: tuple[int, ...]
    """The number of the running episode in each environment."""
    evaluate_at: int
    """When the next evaluation is due [agent steps]."""
    checkpoint_at: int
    """When the next checkpoint is due [agent steps]."""
    exact: bool
    """Whether no step of the running episodes has been taken, so that going on is bit-equal on the CPU."""
    threads: int
    """How many threads torch computes with: the last bits of its results depend on it."""
    random: dict[str, Any]
    """The state of every random generator, as `random_state` gives it."""
    action_space: dict[str, Any]
    """The state of the generator of random actions."""
    wall_seconds: float = 0.0
    """How long the run has taken so far [s]."""

    @classmethod
    def of(cls, model: VisualSAC, **values: Any) -> Position:
        """The position of a model in training, its random states included."""
        return cls(
            agent_steps=model.num_timesteps,
            threads=torch.get_num_threads(),
            random=random_state(),
            action_space=dict(model.action_space.np_random.bit_generator.state),
            **values,
        )


def save_checkpoint(run: RunFolder, model: VisualSAC, position: Position) -> Path:
    """Write a checkpoint, then drop all but the newest `KEPT`.

    The frames of their replay buffers lie in one folder which they share, so that only what is new is
    written. A checkpoint counts from the moment when its folder gets its final name, which is the last
    step; what a killed process left half written is ignored. A step that has its checkpoint already is not
    written again.

    Args:
        run: Where it goes.
        model: In training.
        position: Where the training is.

    Returns:
        The checkpoint's folder.
    """
    path = run.checkpoint(position.agent_steps)
    if path.exists():
        return path
    model.transitions.save(run.replay, manifest=manifest_of(path))
    with new_folder(path) as unfinished:
        model.save(unfinished / "model.zip")
        (unfinished / "position.json").write_text(json.dumps(asdict(position)))
    for old in run.checkpoints()[:-KEPT]:
        remove_folder(old)
    _drop_manifests(run)
    return path


def load_checkpoint(run: RunFolder, path: Path, model: VisualSAC) -> Position:
    """Read the replay buffer and the position of a checkpoint.

    Args:
        run: Whose it is.
        path: The checkpoint.
        model: Loaded from its model.zip; its replay buffer is filled. The random states are left alone,
            since what comes before the first action may draw from them: see `restore_random_state`.

    Raises:
        ValueError: If the replay buffer is gone.
    """
    manifest = manifest_of(path)
    if not (run.replay / manifest).is_file():
        raise ValueError(
            f"{run.path} cannot go on: its replay buffer is gone (a benchmark deletes a finished trial's)"
        )
    model.transitions.load(run.replay, manifest=manifest)
    values = json.loads((path / "position.json").read_text())
    check_names("entries of position.json", values, list(Position.__dataclass_fields__))
    return Position(**{**values, "episodes": tuple(values["episodes"])})


def _drop_manifests(run: RunFolder) -> None:
    """Forget the replay buffers of checkpoints that are gone, or that a killed process never finished."""
    kept = {manifest_of(path) for path in run.checkpoints()}
    for manifest in run.replay.glob("step-*.json"):
        if manifest.name not in kept:
            manifest.unlink()


def manifest_of(checkpoint: Path) -> str:
    """Name of the file that tells a checkpoint's part of the run's replay folder."""
    return f"{checkpoint.name}.json"
