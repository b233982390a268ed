"""The program `semore`: train, evaluate, watch, export and what else `HELP` lists."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.logging import RichHandler

import semore_gym
from semore_gym.backends.base import SimulatorError

HELP = """usage: semore COMMAND [OPTIONS]

  train      train an agent; everything is kept in a run folder
  evaluate   drive episodes with a trained or a built-in policy, print and save the metrics
  watch      watch a policy drive, in a window or a video
  export     write how a trained agent acts as an ONNX file
  share      write a trained agent into a folder without pickle, or put it on Hugging Face's hub
  benchmark  train methods x scenarios x seeds, as in the paper's tables; goes on wherever it was stopped
  masks      make masks of a folder of images or of a run's frames, and a contact sheet
  report     write a page, and tables to paste, that compare finished runs
  algorithms list the algorithms, where they come from and their options
  carla      start, stop and list CARLA servers that go on by themselves
  doctor     say what works on this machine

`semore COMMAND --help` explains a command's options; `semore --version` says which version this is."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program.

    Args:
        argv: Arguments without the program's name; None means those of this process.

    Returns:
        0 if all went well, also after Ctrl-C with a checkpoint; 1 if `doctor` found the embedded simulator
        not working, or CARLA failed too often; 2 if an argument is wrong; 130 after a second Ctrl-C.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    console = Console(highlight=False, soft_wrap=True)
    if not arguments or arguments[0] in ("-h", "--help"):
        console.print(HELP, markup=False)
        return 0 if arguments else 2
    if arguments[0] == "--version":
        console.print(f"semore-gym {semore_gym.__version__}")
        return 0
    command = COMMANDS.get(arguments[0])
    if command is None:
        return _refuse(f"unknown command {arguments[0]!r}; known: {', '.join(COMMANDS)}")
    _log_to(Console(stderr=True))
    if (here := os.getcwd()) not in sys.path:
        sys.path.append(here)  # so that my_module:name finds the user's own my_module.py
    try:
        return command(arguments[1:], console)
    except KeyboardInterrupt:
        console.print("interrupted")
        return 130
    except SimulatorError as error:
        return _refuse(error, 1)


def _train(argv: Sequence[str], console: Console) -> int:
    from semore_gym.cli.arguments import parse_train

    try:
        arguments = parse_train(argv)
        from semore_gym.training.loggers import WandbError  # torch is slow to import: --help does without
        from semore_gym.training.run_folder import RunFolder
        from semore_gym.training.trainer import Trainer

        if arguments.resume:
            run = RunFolder(arguments.resume)
            if run.finished and arguments.steps == run.config.steps:
                console.print(f"{run.path} has finished already: {run.config.budget()}")
                longer = f"semore train --resume {run.path} --steps {2 * run.config.steps}"
                console.print(f"to train it longer: {longer}")
                return 0
            trainer = Trainer.resume(arguments.resume, console, arguments.steps)
        else:
            trainer = Trainer.new(arguments.config(), arguments.run_dir, console)
    except (ValueError, ImportError, FileNotFoundError) as error:  # the last two: extras and weights
        return _refuse(error)
    with trainer:
        run = trainer.run
        console.print(f"{run.config.algo} learns {run.config.env}: {run.config.budget()}")
        console.print(f"run folder: {run.path}")
        if trainer.agent_steps:
            console.print(f"going on after {trainer.agent_steps:,} agent steps")
        try:
            finished = trainer.train()
        except (SimulatorError, WandbError) as error:
            if trainer.agent_steps:
                return _refuse(f"{error}; go on with: semore train --resume {run.path}", 1)
            if not arguments.resume:
                shutil.rmtree(run.path)  # nothing has begun: --resume must not find it
            return _refuse(error, 1)
        if finished:
            console.print("done")
        else:
            console.print(f"stopped with a checkpoint; go on with: semore train --resume {run.path}")
    return 0


def _evaluate(argv: Sequence[str], console: Console) -> int:
    from semore_gym.cli.arguments import EvaluateArguments, parse_policy

    try:
        given = parse_policy("semore evaluate", EvaluateArguments, argv)
        from semore_gym.agents import Measurement, result_path, show

        measurement = Measurement(
            given.policy, given, given.episodes, given.seed, given.n_envs, given.algo, given.device
        )
    except (ValueError, ModuleNotFoundError) as error:
        return _refuse(error)
    with measurement:
        path = given.csv or result_path(given.policy, given, given.seed, ".csv")
        show(given.policy, measurement.run(), path, console)
    return 0


def _watch(argv: Sequence[str], console: Console) -> int:
    from semore_gym.cli.arguments import WatchArguments, parse_policy

    try:
        given = parse_policy("semore watch", WatchArguments, argv)
        from semore_gym.agents import Viewing

        viewing = Viewing(given.policy, given, given.seed, given.video, given.algo, given.device)
    except (ValueError, ModuleNotFoundError) as error:
        return _refuse(error)
    with viewing:
        viewing.run()
        if viewing.video:
            console.print(f"video written to {viewing.video}")
    return 0


def _export(argv: Sequence[str], console: Console) -> int:
    from semore_gym.cli.arguments import ExportArguments, parse_plain

    given = parse_plain("semore export", ExportArguments, argv)
    try:
        from semore_gym.agents import named_agent
        from semore_gym.envs.driving_env import ACTION_NAMES
        from semore_gym.policies import export_onnx

        agent = named_agent(given.policy, given.algo, device="cpu")
        path = export_onnx(agent, given.path, ACTION_NAMES)
    except (ValueError, ModuleNotFoundError) as error:
        return _refuse(error)
    console.print(f"{given.policy} written to {path}: {path.stat().st_size / 1e6:.1f} MB")
    return 0


def _share(argv: Sequence[str], console: Console) -> int:
    from semore_gym.cli.arguments import ShareArguments, parse_plain

    try:
        given = parse_plain("semore share", ShareArguments, argv)
        from semore_gym.cli.share import share

        console.print(f"{given.policy} is shared at {share(given)}")
    except (ValueError, ModuleNotFoundError) as error:
        return _refuse(error)
    return 0


def _algorithms(argv: Sequence[str], console: Console) -> int:
    from semore_gym.cli.arguments import AlgorithmsArguments, parse_plain

    parse_plain("semore algorithms", AlgorithmsArguments, argv)
    from semore_gym.cli.algorithms import algorithms_table

    console.print(algorithms_table(), soft_wrap=False)
    return 0


def _masks(argv: Sequence[str], console: Console) -> int:
    from semore_gym.cli.arguments import MasksArguments, parse_plain

    try:
        given = parse_plain("semore masks", MasksArguments, argv)
        from semore_gym.cli.mask_files import make_masks_of

        console.print(make_masks_of(given, console))
    except (ValueError, FileNotFoundError, ModuleNotFoundError) as error:
        return _refuse(error)
    return 0


def _carla(argv: Sequence[str], console: Console) -> int:
    from semore_gym.cli.arguments import CarlaArguments, parse_plain

    given = parse_plain("semore carla", CarlaArguments, argv)
    from semore_gym.backends.carla.kept_servers import carry_out

    try:
        carry_out(given, console)
    except ValueError as error:
        return _refuse(error)
    return 0


def _benchmark(argv: Sequence[str], console: Console) -> int:
    from semore_gym.cli.arguments import parse_plain
    from semore_gym.cli.benchmark import BenchmarkArguments

    try:
        given = parse_plain("semore benchmark", BenchmarkArguments, argv)
        from semore_gym.benchmark.executors.base import make_executor
        from semore_gym.benchmark.folder import BenchmarkFolder
        from semore_gym.benchmark.matrix import read_matrix
        from semore_gym.benchmark.view import View

        folder = BenchmarkFolder(read_matrix(given.matrix, given.budget, given.seeds), given.to)
        executor = make_executor(given, folder.runs, View(console))
    except (ValueError, ModuleNotFoundError) as error:
        return _refuse(error)
    console.print(f"benchmark folder: {folder.path}")
    with folder:
        done = executor.run()
    failed = [job for job in done if job.state == "failed"]
    for job in failed:
        console.print(f"failed: {job.name}, see {job.output}", markup=False)
    return 1 if failed else 0


def _report(argv: Sequence[str], console: Console) -> int:
    from semore_gym.cli.arguments import ReportArguments, parse_plain

    given = parse_plain("semore report", ReportArguments, argv)
    try:
        from semore_gym.report import write_report

        for path in write_report(given.paths, given.to, given.references):
            console.print(f"written: {path}")
    except (ValueError, ModuleNotFoundError) as error:
        return _refuse(error)
    return 0


def _doctor(argv: Sequence[str], console: Console) -> int:
    from semore_gym.cli.arguments import DoctorArguments, parse_plain
    from semore_gym.cli.doctor import examine

    return examine(console, parse_plain("semore doctor", DoctorArguments, argv).carla)


COMMANDS: dict[str, Callable[[Sequence[str], Console], int]] = {
    "train": _train,
    "evaluate": _evaluate,
    "watch": _watch,
    "export": _export,
    "share": _share,
    "benchmark": _benchmark,
    "masks": _masks,
    "report": _report,
    "algorithms": _algorithms,
    "carla": _carla,
    "doctor": _doctor,
}


def _refuse(reason: object, code: int = 2) -> int:
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"error: {reason}", markup=False)
    return code


def _log_to(console: Console) -> None:
    """Show what the package says of itself."""
    handler = RichHandler(console=console, show_path=False, show_time=False)
    log = logging.getLogger("semore_gym")
    log.handlers = [handler]
    log.setLevel(logging.INFO)
