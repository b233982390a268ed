"""What the tests of the program share."""

import csv
from pathlib import Path

from semore_gym.cli import main

SMALL = ["--image-size", "32", "--max-ticks", "40"]


def exit_code(arguments: list[str]) -> int:
    """Run the program; tyro ends it by an exception."""
    try:
        return main(arguments)
    except SystemExit as end:
        return int(end.code or 0)


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a table."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def plain(text: str) -> str:
    """What is said, without the frames and lines that it stands in."""
    return " ".join(text.replace("│", " ").split())
