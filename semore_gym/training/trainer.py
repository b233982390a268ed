"""Training runs from a config: start, stop, go on."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from stable_baselines3.common.callbacks import BaseCallback, CallbackList
from stable_baselines3.common.vec_env import VecEnv

from semore_gym.backends.base import SimulatorError
from semore_gym.config import TrainConfig
from semore_gym.evaluation import Evaluation, plot_learning_curve, record_episode
from semore_gym.masks.asynchronous import AsyncMasks
from semore_gym.policies import LateMasks, VisualSAC
from semore_gym.training.bookkeeper import Bookkeeper, stops_cleanly
from semore_gym.training.build import (
    build_env,
    build_model,
    build_vec_env,
    check_training,
    close_vec_env,
    load_model,
    mask_config,
    on_carla,
    with_backend,
    without_mask_models,
)
from semore_gym.training.checkpoint import Position, load_checkpoint
from semore_gym.training.loggers import log_evaluation, training_log
from semore_gym.training.mask_log import MaskLog
from semore_gym.training.progress import ProgressBar, evaluation_line
from semore_gym.training.run_folder import RunFolder, refuse_used
from semore_gym.training.shifts import drive_shifts
from semore_gym.utils.devices import set_threads
from semore_gym.wrappers.semantic_mask import COSTLY_EVERY

logger = logging.getLogger(__name__)


class Trainer:
    """A training run: a context that `Trainer.new` or `Trainer.resume` makes, in which `train` does it.

    Example:
        >>> from semore_gym.config import TrainConfig
        >>> config = TrainConfig(image_size=32, preset="light", steps=100_000)
        >>> with Trainer.new(config) as trainer:  # doctest: +SKIP
        ...     trainer.train()
    """

    def __init__(
        self, run: RunFolder, env: VecEnv, model: VisualSAC, start: Position | None, console: Console | None
    ) -> None:
        self.run = run
        self.model = model
        self.console = console or Console()
        self._env = env
        self._start = start

    @classmethod
    def new(cls, config: TrainConfig, path: Path | None = None, console: Console | None = None) -> Trainer:
        """Set up a run in a new folder.

        Args:
            config: What to train.
            path: The new folder; None is the first free one of runs/<env>-<algo>-seed<seed>-<n>.
            console: Where progress is shown; None is the terminal.

        Raises:
            ValueError: If the config names something unknown or the folder is in use.
        """
        if path is not None:
            refuse_used(path)  # before the environments and the networks are made
        config = with_backend(config)
        check_training(config)
        set_threads(config.threads)
        env = build_vec_env(config, config.n_envs)
        try:
            model = build_model(config, env)
            run = RunFolder.create(config, path)
            run.claim()
            return cls(run, env, model, None, console)
        except BaseException:
            env.close()
            raise

    @classmethod
    def resume(cls, path: Path, console: Console | None = None, steps: int | None = None) -> Trainer:
        """Set up a run as it was at its newest checkpoint, or at its beginning where it has none.

        With one environment, on the CPU, the same machine and as many threads, what follows is bit for bit
        what would have followed. With several, or after a stop in the middle of an episode, the episodes
        that were running begin again.

        Args:
            path: The run's folder.
            console: Where progress is shown; None is the terminal.
            steps: New length of the whole training, which its config keeps [agent steps]; None leaves it.

        Raises:
            ValueError: If the folder holds no run or one whose replay buffer is gone, `steps` is less than
                its length, or another process trains it.
        """
        run = RunFolder(path)
        config = run.config
        check_training(config)
        run.claim()
        threads = set_threads(config.threads)
        newest = run.newest_checkpoint()
        env = build_vec_env(config, config.n_envs)
        try:
            if newest is None:
                model, start = build_model(config, env), None
            else:
                model = load_model(newest / "model.zip", config.algo, env, config.device)
                start = load_checkpoint(run, newest, model)
            if steps is not None and steps != config.steps:  # only now: what cannot go on stays as it was
                run.extend(steps)
                logger.info("%s trains %d agent steps now, %d before", path, steps, config.steps)
        except BaseException:
            env.close()
            run.release()
            raise
        if start is not None:
            _warn(start, threads)
            env.seed(config.seed)
            env.set_options([{"episode": episode} for episode in start.episodes])
        return cls(run, env, model, start, console)

    @property
    def agent_steps(self) -> int:
        """Done so far."""
        return self.model.num_timesteps

    def train(self) -> bool:
        """Train to the end of the budget, evaluate there and elsewhere, draw the learning curve and a video.

        Ctrl-C or SIGTERM ends it earlier, with a checkpoint. In CARLA, evaluations drive in the training's
        environments, between its episodes: a second client would disturb the server, a second server would
        not fit on many a GPU.

        Returns:
            Whether the end was reached.

        Raises:
            SimulatorError: If the simulator failed too often in a row; there is a checkpoint all the same.
            WandbError: If the config names a W&B project, and W&B refuses; nothing has been trained then.
        """
        config = self.run.config
        done = self.agent_steps
        self.model.set_logger(training_log(self.run, done))
        masks = mask_config(config).make_asynchronous(config.env)
        evaluation_env = None if on_carla(config) else build_env(config, masks="none")
        bookkeeper = Bookkeeper(self.run, evaluation_env, self._start, self._tell_evaluation)
        bar = ProgressBar(self.console, config.steps)
        try:
            with stops_cleanly(bookkeeper):
                self.model.learn(
                    config.steps - done,
                    CallbackList([bookkeeper, *self._mask_callbacks(masks), bar]),
                    reset_num_timesteps=self._start is None,
                )
            if bookkeeper.stopped:
                return False
            self._finish(bookkeeper)
            return True
        except (SimulatorError, EOFError, ConnectionError) as error:
            if self.agent_steps > done:
                bookkeeper.save()
            if isinstance(error, SimulatorError) or config.n_envs == 1:
                raise
            raise SimulatorError("an environment's process ended; above is what it said") from error
        finally:
            if masks is not None:
                masks.close()
            if evaluation_env is not None:
                evaluation_env.close()
            self.model.logger.close()

    def __enter__(self) -> Trainer:
        return self

    def __exit__(self, *error: object) -> None:
        close_vec_env(self._env)
        self.run.release()

    def _finish(self, bookkeeper: Bookkeeper) -> None:
        bookkeeper.save()
        if not bookkeeper.evaluated:
            bookkeeper.evaluate()
        plot_learning_curve(self.run.rows("evaluations"), self.run.curve)
        close_vec_env(self._env)  # whose server the shifts and the video may need
        drive_shifts(self.run, self.model, bookkeeper.wall_seconds, self._tell_shift)
        # a mask beside every picture, however seldom the training has one
        config = replace(without_mask_models(self.run.config), mask_every=1)
        env = build_env(config, render_mode="rgb_array")
        try:
            record_episode(self.model, env, self.run.video(self.model.num_timesteps), seed=0)
        finally:
            env.close()
        self.run.end(self.model.num_timesteps)

    def _mask_callbacks(self, masks: AsyncMasks | None) -> list[BaseCallback]:
        if masks is None:
            return [MaskLog()]
        return [LateMasks(masks, self.run.config.mask_every or COSTLY_EVERY)]

    def _tell_evaluation(self, result: Evaluation, agent_steps: int) -> None:
        self.console.print(evaluation_line(result, agent_steps))
        log_evaluation(self.model.logger, result, agent_steps)

    def _tell_shift(self, shift: str, result: Evaluation) -> None:
        self.console.print(f"{shift}: {evaluation_line(result, self.agent_steps)}")


def _warn(start: Position, threads: int) -> None:
    if not start.exact:
        logger.warning("the checkpoint was not taken at an episode's end: running episodes begin again")
    if threads != start.threads:
        logger.warning(
            "torch computes with %d threads, before with %d: the last bits of the results will differ",
            threads,
            start.threads,
        )
