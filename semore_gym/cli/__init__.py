"""The program `semore`."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.logging import RichHandler
from tyro.extras import subcommand_cli_from_dict

import semore_gym
from semore_gym.backends.base import SimulatorError
from semore_gym.cli.command import REGISTRY, Command, CommandError, asked
from semore_gym.registry import Registry

COMMANDS: Registry[Command] = Registry(
    "command",
    {
        "train": "semore_gym.cli.train:Train",
        "runs": "semore_gym.cli.runs:Runs",
        "evaluate": "semore_gym.cli.evaluate:Evaluate",
        "watch": "semore_gym.cli.watch:Watch",
        "export": "semore_gym.cli.export:Export",
        "share": "semore_gym.cli.share:Share",
        "benchmark": "semore_gym.cli.benchmark:Benchmark",
        "masks": "semore_gym.cli.masks:Masks",
        "report": "semore_gym.cli.report:Report",
        "algorithms": "semore_gym.cli.algorithms:Algorithms",
        "carla": "semore_gym.cli.carla:Carla",
        "doctor": "semore_gym.cli.doctor:Doctor",
    },
)
ABOUT = """`semore COMMAND --help` explains a command's options, `semore --version` tells the version, and
`semore --tyro-print-completion bash`, or zsh, prints a script by which the shell completes them."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program.

    Args:
        argv: Arguments without the program's name; None means those of this process.

    Returns:
        0 if all went well, also after Ctrl-C with a checkpoint; 1 if a training or the simulator failed,
        `doctor` found it not working, or `masks` left frames without; 2 if an argument is wrong, a file
        cannot be used or an extra is missing; 130 after any other Ctrl-C.

    Raises:
        SystemExit: If the arguments are not well-formed, with code 2, or ask for help, with code 0.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    console = Console(highlight=False, soft_wrap=True)
    if words[:1] == ["--version"]:
        console.print(f"semore-gym {semore_gym.__version__}")
        return 0
    _log_to(Console(stderr=True))
    if (here := os.getcwd()) not in sys.path:
        sys.path.append(here)  # so that my_module:name finds the user's own my_module.py
    try:
        with asked():
            command = _read(words)
        return command.run(console)
    except KeyboardInterrupt:
        console.print("interrupted")
        return 130
    except BrokenPipeError:  # whoever read the output has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1  # as rich ends
    except CommandError as error:
        return _refuse(error, error.code)
    except SimulatorError as error:
        return _refuse(error, 1)
    except (ModuleNotFoundError, OSError) as error:  # an extra; a file that is not there or not writable
        return _refuse(error, 2)


def _read(words: Sequence[str]) -> Command:
    """The command that the arguments name, with its own; without a name, help or a completion script."""
    if words and not words[0].startswith("-"):
        return COMMANDS.load(words[0]).read(words[1:], f"semore {words[0]}")
    kinds: dict[str, Callable[..., Command]] = {name: COMMANDS.load(name) for name in COMMANDS}
    command: Command = subcommand_cli_from_dict(
        kinds, prog="semore", description=ABOUT, args=words, registry=REGISTRY
    )
    return command


def _refuse(reason: Exception, code: int) -> int:
    Console(stderr=True, highlight=False, soft_wrap=True).print(f"error: {reason}", markup=False)
    return code


def _log_to(console: Console) -> None:
    """Show what the package says of itself."""
    handler = RichHandler(console=console, show_path=False, show_time=False)
    log = logging.getLogger("semore_gym")
    log.handlers = [handler]
    log.setLevel(logging.INFO)
