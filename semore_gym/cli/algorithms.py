"""The algorithms as a table to read."""

from __future__ import annotations

import inspect
import re

from rich import box
from rich.table import Table

from semore_gym.policies import ALGORITHMS, VisualSAC
from semore_gym.training.build import keywords


def describe(name: str) -> tuple[str, str]:
    """Say what an algorithm is and who published it.

    Args:
        name: A name in `ALGORITHMS`.

    Returns:
        The first line of the class's docstring, `"<what it is> (<author> <year>)."`, in these two parts.

    Raises:
        ValueError: If the docstring does not begin like that.
    """
    first = (inspect.getdoc(ALGORITHMS.load(name)) or "").partition("\n")[0]
    parts = re.fullmatch(r"(.+) \(([^()]+ \d{4}[^()]*)\)\.", first)
    if parts is None:
        wanted = "<what it is> (<author> <year>)."
        raise ValueError(f"the docstring of {ALGORITHMS[name]} must begin with {wanted!r}, got {first!r}")
    return parts[1], parts[2]


def own_options(name: str) -> dict[str, object]:
    """Names and defaults of what an algorithm takes and the plain `VisualSAC` does not."""
    shared = keywords(VisualSAC)
    return {key: value for key, value in keywords(ALGORITHMS.load(name)).items() if key not in shared}


def algorithms_table() -> Table:
    """Every algorithm: its name, what it is, where it comes from and its own options."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, show_lines=True)
    for column in ("--algo", "What it is", "Source", "Own --algo-options"):
        table.add_column(column, no_wrap="--algo" in column, overflow="fold")
    for name in ALGORITHMS:
        options = (f"{key}={value}" for key, value in own_options(name).items())
        table.add_row(name, *describe(name), "\n".join(options))
    return table
