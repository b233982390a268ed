"""Where the numbers of a training go: TensorBoard, and Weights & Biases where a project is named."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.logger import KVWriter, Logger, TensorBoardOutputFormat
from torch.utils.tensorboard import SummaryWriter

from semore_gym.evaluation import Evaluation
from semore_gym.training.random_state import preserved
from semore_gym.training.run_folder import RunFolder
from semore_gym.utils.files import write_text

WANDB_ID = "wandb-id"  # in the run's folder: under which id W&B knows the run


class WandbError(RuntimeError):
    """Weights & Biases does not take the run; nothing has been trained."""


def training_log(run: RunFolder, start: int) -> Logger:
    """The log of a training that goes on after `start` agent steps.

    Raises:
        WandbError: If the config names a W&B project, and W&B refuses.
    """
    wandb = [] if run.config.wandb is None else [WandbLog(run)]
    return Logger(None, [TensorBoardLog(run.tensorboard, start), *wandb])


def log_evaluation(logger: Logger, result: Evaluation, agent_steps: int) -> None:
    """Write the means of an evaluation's metrics as eval/..., at the step that was evaluated."""
    values: dict[str, Any] = {f"eval/{name}": metric.mean for name, metric in result.metrics().items()}
    for output in logger.output_formats:
        output.write(values, dict.fromkeys(values, ()), agent_steps)


class TensorBoardLog(TensorBoardOutputFormat):
    """TensorBoard's log, from which what came after a checkpoint is taken back when a run goes on.

    Args:
        folder: Where the event files are.
        start: Agent steps that the log goes on from.
    """

    def __init__(self, folder: Path, start: int) -> None:
        self.writer = SummaryWriter(str(folder), purge_step=start + 1)
        self._is_closed = False


class WandbLog(KVWriter):
    """A run of Weights & Biases, which gets the scalars that TensorBoard gets; its steps are agent steps.

    W&B takes nothing back: of what a run that was killed does again after its checkpoint, it keeps what came
    first. (Its own copying of TensorBoard's files counts steps of its own, and would hold such points twice.)

    Args:
        run: Whose config names the project. W&B's run is called like its folder, which keeps W&B's id, so
            that a resumed training goes on in the same one.

    Raises:
        WandbError: If W&B refuses: nobody is logged in, or it cannot be reached.
    """

    def __init__(self, run: RunFolder) -> None:
        import wandb

        config = run.config
        try:
            with preserved():  # the training's random states
                self._run = wandb.init(
                    project=config.wandb,
                    name=run.path.resolve().name,
                    group=config.label or config.algo,
                    config=asdict(config),
                    id=_id(run.path / WANDB_ID),
                    resume="allow",
                    dir=run.path,
                )
                # a training that was made longer says so
                self._run.config.update(asdict(config), allow_val_change=True)  # type: ignore[no-untyped-call]
        except wandb.Error as error:
            raise WandbError(
                f"Weights & Biases does not take the run: {error} (`wandb login` logs in; with "
                "WANDB_MODE=offline the run is kept here, for `wandb sync` later)"
            ) from error

    def write(
        self, key_values: dict[str, Any], key_excluded: Mapping[str, tuple[str, ...]], step: int = 0
    ) -> None:
        """Log the scalars among `key_values` that TensorBoard gets too."""
        if step < self._run.starting_step:
            return
        self._run.log(
            {
                key: value
                for key, value in key_values.items()
                if isinstance(value, (int, float, np.number)) and "tensorboard" not in key_excluded[key]
            },
            step=step,
        )

    def close(self) -> None:
        """Send what is not sent yet."""
        self._run.finish()


def require_wandb() -> None:
    """Check that wandb is installed.

    Raises:
        ModuleNotFoundError: If it is not; the message says what to install.
    """
    if find_spec("wandb") is None:
        raise ModuleNotFoundError('--wandb needs wandb: pip install "semore-gym[wandb]"', name="wandb")


def _id(file: Path) -> str:
    """The id in a file, which is made where it is not there."""
    if not file.is_file():
        write_text(file, secrets.token_hex(4))
    return file.read_text()
