"""`python -m semore_gym.zoo train|enjoy`: RL Baselines3 Zoo, our algorithms in its tables."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection, Sequence
from importlib import import_module

from semore_gym.zoo import HYPERPARAMS, register_algorithms

COMMANDS = ("train", "enjoy")


def main() -> None:
    """Run one of the zoo's programs; training reads our hyperparameters unless it is told others."""
    command, arguments = sys.argv[1:2], sys.argv[2:]
    if not command or command[0] not in COMMANDS:
        raise SystemExit(f"usage: python -m semore_gym.zoo {'|'.join(COMMANDS)} [OPTIONS]")
    try:
        names = register_algorithms()
        program = getattr(import_module(f"rl_zoo3.{command[0]}"), command[0])
    except ModuleNotFoundError as error:
        raise SystemExit(f'error: {error}: pip install "semore-gym[zoo]"') from error
    if command == ["train"]:
        arguments += conf_file(arguments, names)
    sys.argv = [f"python -m semore_gym.zoo {command[0]}", *arguments]
    program()


def conf_file(argv: Sequence[str], names: Collection[str]) -> list[str]:
    """Arguments to add so that the zoo finds our hyperparameters: none if the user names a file."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--algo")
    parser.add_argument("-conf", "--conf-file")
    given, _ = parser.parse_known_args(argv)
    ours = given.algo in names and given.conf_file is None
    return ["--conf-file", str(HYPERPARAMS)] if ours else []


if __name__ == "__main__":
    main()
