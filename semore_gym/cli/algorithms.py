"""`semore algorithms`."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table

from semore_gym.cli.command import Command
from semore_gym.utils.signatures import keywords


@dataclass(frozen=True)
class Algorithms(Command):
    """List the algorithms: what each is, where it comes from, and the options that it alone has."""

    def run(self, console: Console) -> int:
        """Print the table."""
        console.print(algorithms_table(), soft_wrap=False)
        return 0


def algorithms_table() -> Table:
    """Every algorithm: its name, what it is, where it comes from and its own options."""
    from semore_gym.policies import ALGORITHMS  # torch is slow to import: --help does without

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, show_lines=True)
    for column in ("--algo", "What it is", "Source", "Own --algo-options"):
        table.add_column(column, no_wrap="--algo" in column, overflow="fold")
    for name in ALGORITHMS:
        algorithm = ALGORITHMS.load(name)
        options = (f"{key}={value}" for key, value in own_options(algorithm).items())
        table.add_row(name, *describe(algorithm), "\n".join(options))
    return table


def describe(algorithm: type) -> tuple[str, str]:
    """Say what an algorithm is and who published it.

    Returns:
        The first line of the class's docstring, `"<what it is> (<author> <year>)."`, in these two parts.

    Raises:
        ValueError: If the docstring does not begin like that.
    """
    first = (inspect.getdoc(algorithm) or "").partition("\n")[0]
    parts = re.fullmatch(r"(.+) \(([^()]+ \d{4}[^()]*)\)\.", first)
    if parts is None:
        wanted = "<what it is> (<author> <year>)."
        raise ValueError(f"the docstring of {algorithm} must begin with {wanted!r}, got {first!r}")
    return parts[1], parts[2]


def own_options(algorithm: type) -> dict[str, object]:
    """Names and defaults of what an algorithm takes and the plain `VisualSAC` does not."""
    from semore_gym.policies import VisualSAC

    shared = keywords(VisualSAC)
    return {key: value for key, value in keywords(algorithm).items() if key not in shared}
