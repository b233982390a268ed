"""`semore train`."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from semore_gym.backends.base import SimulatorError
from semore_gym.cli.command import Command, CommandError, asked, parse
from semore_gym.config import TrainConfig
from semore_gym.training.run_folder import RunFolder, newest_run

if TYPE_CHECKING:
    from semore_gym.training.trainer import Trainer


@dataclass(frozen=True)
class Train(Command, TrainConfig):
    """Train an agent; everything is kept in a run folder."""

    run_dir: Path | None = None
    """Folder of the new run; None is the first free one of runs/<env>-<algo>-seed<seed>-<n>."""
    resume: Path | None = None
    """A run folder to go on with, from its newest checkpoint; without a value, the newest run in runs/. With
    --steps, the whole training is made longer."""

    @classmethod
    def read(cls, argv: Sequence[str], prog: str) -> Train:
        """As `Command.read`; with --resume, the rest comes from the run's folder.

        Raises:
            ValueError: If the folder is no run, or an argument says something else than its config; only
                `steps` may be more.
        """
        args = _named_resume(list(argv))
        given = parse(cls, args, prog)
        if given.resume is not None:
            stored = cls(**asdict(RunFolder(given.resume).config), resume=given.resume)
            return _agreeing(stored, parse(cls, args, prog, stored))
        from semore_gym.policies import ALGORITHMS  # torch is slow to import: --help does without

        # what the agent sees, and how large, depends on the algorithm
        algorithm = ALGORITHMS.load(given.algo)
        side = algorithm.rendered_side(cls.image_size, given.algo_options)
        return parse(cls, args, prog, cls(observation=algorithm.observation, image_size=side))

    def config(self) -> TrainConfig:
        """What of this belongs to the run."""
        return TrainConfig(**{item.name: getattr(self, item.name) for item in fields(TrainConfig)})

    def run(self, console: Console) -> int:
        """Train, and say how to go on where that ends early."""
        if self.resume and (run := RunFolder(self.resume)).finished and self.steps == run.config.steps:
            console.print(f"{run.path} has finished already: {run.config.budget()}")
            console.print(
                f"to train it longer: semore train --resume {run.path} --steps {2 * run.config.steps}"
            )
            return 0
        with self._trainer(console) as trainer:
            run = trainer.run
            console.print(f"{run.config.algo} learns {run.config.env}: {run.config.budget()}")
            console.print(f"run folder: {run.path}")
            if trainer.agent_steps:
                console.print(f"going on after {trainer.agent_steps:,} agent steps")
            if self._train(trainer):
                console.print("done")
            else:
                console.print(f"stopped with a checkpoint; go on with: semore train --resume {run.path}")
        return 0

    def _trainer(self, console: Console) -> Trainer:
        from semore_gym.training.trainer import Trainer

        with asked():
            if self.resume:
                return Trainer.resume(self.resume, console, self.steps)
            return Trainer.new(self.config(), self.run_dir, console)

    def _train(self, trainer: Trainer) -> bool:
        from semore_gym.training.loggers import WandbError

        try:
            return trainer.train()
        except (SimulatorError, WandbError, OSError) as error:  # the last: a full disk
            path = trainer.run.path
            if trainer.agent_steps:
                raise CommandError(f"{error}; go on with: semore train --resume {path}", 1) from error
            if not self.resume:
                shutil.rmtree(path)  # nothing has begun: --resume must not find it
            raise CommandError(error, 1) from error


def _named_resume(args: list[str]) -> list[str]:
    """Give a --resume that has no value the newest run, and take --resume=RUN apart."""
    args = [part for arg in args for part in (arg.split("=", 1) if arg.startswith("--resume=") else [arg])]
    if "--resume" in args:
        after = args.index("--resume") + 1
        if after == len(args) or args[after].startswith("--"):
            args.insert(after, str(newest_run()))
    return args


def _agreeing(stored: Train, given: Train) -> Train:
    """The given arguments, unless they say something else than those that are stored."""
    conflicts = [
        f"{item.name} is {getattr(stored, item.name)!r} there and {getattr(given, item.name)!r} here"
        for item in fields(Train)
        if getattr(stored, item.name) != getattr(given, item.name)
        and not (item.name == "steps" and given.steps > stored.steps)
    ]
    if conflicts:
        raise ValueError(f"{stored.resume} is resumed with its own config, but {'; '.join(conflicts)}")
    return given
