"""A table that can be printed as HTML, Markdown and LaTeX."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

LATEX = {"±": r"$\pm$", "·": r"$\cdot$", "↑": r"$\uparrow$", "↓": r"$\downarrow$", "\u00a0": "~"}


class Cell(NamedTuple):
    """A number, and below it in small what qualifies it."""

    main: str
    detail: str = ""


GAP = Cell("-", "no result")


@dataclass(frozen=True)
class Table:
    """Rows under column heads.

    Args:
        caption: What it shows and whose numbers these are.
        columns: Heads, the first of them over the rows' names.
        rows: Name and cells of each row.
        printed: Whether the numbers are the paper's and not ours.
    """

    caption: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Cell]]]
    printed: bool = False

    def markdown(self) -> str:
        """As Markdown, with its caption in bold above it."""
        lines = [self.columns, ["---", *["---:"] * (len(self.columns) - 1)]]
        lines += [[name, *("<br>".join(filter(None, cell)) for cell in cells)] for name, cells in self.rows]
        body = "\n".join(
            "| " + " | ".join(text.replace("|", r"\|") for text in line) + " |" for line in lines
        )
        return f"**{self.caption}**\n\n{body}\n"

    def latex(self) -> str:
        r"""As a LaTeX `table`; it needs \usepackage{booktabs}."""
        lines = [
            r"\begin{table}",
            rf"\caption{{{_latex(self.caption)}}}",
            rf"\begin{{tabular}}{{l{'r' * (len(self.columns) - 1)}}}",
            r"\toprule",
            " & ".join(map(_latex, self.columns)) + r" \\",
            r"\midrule",
        ]
        for name, cells in self.rows:
            lines.append(" & ".join([_latex(name), *(_latex(cell.main) for cell in cells)]) + r" \\")
            if any(cell.detail for cell in cells):
                small = (rf"{{\scriptsize {_latex(cell.detail)}}}" for cell in cells)
                lines.append(" & ".join(["", *small]) + r" \\")
        return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", r"\end{table}", ""])


def _latex(text: str) -> str:
    text = re.sub(r"([&%$#_{}])", r"\\\1", text)
    for sign, command in LATEX.items():
        text = text.replace(sign, command)
    return text
