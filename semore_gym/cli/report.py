"""`semore report`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from tyro.conf import Positional

from semore_gym.cli.command import Command, asked


@dataclass(frozen=True)
class Report(Command):
    """Write a page that compares finished runs with each other and, apart, with the paper's tables."""

    paths: Positional[tuple[Path, ...]]
    """Folders of benchmarks or of runs; of several benchmarks, methods stand side by side."""
    to: Path = Path("report.html")
    """The page; the same tables as Markdown and LaTeX are written beside it."""
    references: bool = False
    """Let drivers that have learnt nothing drive the same evaluation episodes, and show them below."""

    def run(self, console: Console) -> int:
        """Write the files."""
        from semore_gym.report import write_report

        with asked():
            files = write_report(self.paths, self.to, self.references)
        for path in files:
            console.print(f"written: {path}")
        return 0
