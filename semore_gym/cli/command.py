"""What every command of the program is, and how its arguments are read."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar, cast

import tyro
from rich.console import Console
from tyro.conf import Positional
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from semore_gym.config import EnvConfig, TrainConfig
from semore_gym.utils.files import expanded, free_name

T = TypeVar("T")
P = TypeVar("P", bound="PolicyCommand")
REGISTRY = ConstructorRegistry()


class CommandError(Exception):
    """An end that the user is told in one line, without a traceback.

    Args:
        reason: What is told.
        code: The program's exit code: 2 for what was asked wrongly, 1 for what failed while it was done.
    """

    def __init__(self, reason: object, code: int = 2) -> None:
        super().__init__(str(reason))
        self.code = code


@contextmanager
def asked() -> Iterator[None]:
    """Tell a ValueError of what is looked up and set up here as one of the user's.

    Outside, where an agent drives or learns, it is a mistake in the program and shows its traceback.

    Raises:
        CommandError: If there is a ValueError in the block.
    """
    try:
        yield
    except ValueError as error:
        raise CommandError(error) from error


class Command(ABC):
    """A command: a frozen dataclass of its arguments, whose docstring is its help, and what it does."""

    @classmethod
    def read(cls: type[T], argv: Sequence[str], prog: str) -> T:
        """Read the arguments, and what depends on what they name.

        Args:
            argv: Without the command's name.
            prog: How messages call the program: "semore" and the command's name.

        Raises:
            ValueError: If something that they name is not there or of another kind.
            SystemExit: If they are not well-formed, with code 2, or ask for help, with code 0.
        """
        return parse(cls, argv, prog)

    @abstractmethod
    def run(self, console: Console) -> int:
        """Do it.

        Returns:
            The exit code.

        Raises:
            CommandError, SimulatorError, ModuleNotFoundError, OSError: The user is told in one line.
        """


@dataclass(frozen=True)
class PolicyCommand(Command, EnvConfig):
    """A command that drives with a policy; one that was trained brings its environment."""

    policy: Positional[str] = "scripted"
    """A run folder, a model.zip, a shared folder, hf:user/name, pretrained (SAC on HighWay, trained on a
    laptop), or one of scripted, random, do-nothing, full-throttle; --policy NAME is the same."""
    algo: str = "semore"
    """Algorithm of a model.zip that lies in no run folder."""
    device: str = "auto"
    """Where the networks live: auto, cpu or cuda."""

    @classmethod
    def read(cls: type[P], argv: Sequence[str], prog: str) -> P:
        """As `Command.read`; only well-formed arguments let an agent be looked up, which may download it."""
        argv = _policy_first(argv)
        given = parse(cls, argv, prog)
        from semore_gym.agents import trained_in  # torch is slow to import: --help does without

        config = trained_in(given.policy)
        if config is None:
            return given
        known = {item.name: getattr(config, item.name) for item in fields(EnvConfig)}
        algo = config.algo if isinstance(config, TrainConfig) else given.algo
        return parse(cls, argv, prog, cls(**known, algo=algo))

    def result_path(self, seed: int, suffix: str) -> Path:
        """Where a result belongs if nobody says, a new file in the policy's run or in runs/."""
        from semore_gym.agents import model_file, run_of

        run = run_of(self.policy)
        where = "-".join([self.env.replace(":", "-"), *([self.weather] if self.weather else [])])
        rest = f"{where}-seed{seed}{suffix}"
        if run is None:
            return free_name(Path("runs") / f"{expanded(self.policy).stem}-{rest}")
        return free_name(run.path / f"{model_file(expanded(self.policy)).parent.name}-{rest}")


def parse(kind: type[T], argv: Sequence[str], prog: str, default: T | None = None) -> T:
    """Read arguments; nothing else is looked at.

    Args:
        kind: Their dataclass.
        argv: Without the command's name.
        prog: As in `Command.read`.
        default: What is not given; None is the dataclass's own defaults.

    Raises:
        SystemExit: As `Command.read`.
    """
    # tyro's types say that a default of None may come back: it means that there is none
    return cast("T", tyro.cli(kind, prog=prog, default=default, args=_joined(argv), registry=REGISTRY))


def _policy_first(argv: Sequence[str]) -> list[str]:
    """Let `--policy NAME` be NAME, the argument without an option."""
    words = [
        part for word in argv for part in (word.split("=", 1) if word.startswith("--policy=") else [word])
    ]
    if words.count("--policy") != 1 or words[-1] == "--policy":
        return words
    at = words.index("--policy")
    return [words[at + 1], *words[:at], *words[at + 2 :]]


def _joined(argv: Sequence[str]) -> list[str]:
    """Collect the values of an option that is given several times: by default the last would win silently."""
    groups: dict[str, list[str]] = {"": []}
    name = ""
    for arg in argv:
        if arg.startswith("--"):
            name, equals, value = arg.partition("=")
            name = name.replace("_", "-")
            groups.setdefault(name, []).extend([value] if equals else [])
        else:
            groups[name].append(arg)
    return [arg for name, values in groups.items() for arg in ([name] if name else []) + values]


@REGISTRY.primitive_rule
def _path(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[Path] | None:
    """Read a path; its ~ is the home folder."""
    if info.type is not Path:
        return None
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar="PATH",
        instance_from_str=lambda words: expanded(words[0]),
        is_instance=lambda value: isinstance(value, Path),
        str_from_instance=lambda value: [str(value)],
    )


@REGISTRY.primitive_rule
def _options(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[dict[str, Any]] | None:
    """Read a dictionary from KEY=VALUE words."""
    if info.type_origin is not dict:
        return None
    return PrimitiveConstructorSpec(
        nargs="*",
        metavar="KEY=VALUE ...",
        instance_from_str=lambda words: dict(_option(word) for word in words),
        is_instance=lambda value: isinstance(value, dict),
        str_from_instance=lambda value: [f"{key}={json.dumps(item)}" for key, item in value.items()],
    )


def _option(word: str) -> tuple[str, Any]:
    """Split a KEY=VALUE word; the value is JSON where it can be read so, and text elsewhere."""
    key, equals, value = word.partition("=")
    if not key or not equals:
        raise ValueError(f"expected KEY=VALUE, got {word!r}")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value
