"""The files of a report, which replace those of an earlier one and nothing else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape
from pathlib import Path

from semore_gym.utils.files import ready_to_write, write_text

MARK = "written by `semore report`, which may overwrite this file"
TITLE = re.compile("<title>(.*?)</title>")
COMMENTS = {".html": "<!-- {} -->", ".md": "<!-- {} -->", ".tex": "% {}"}


def report_files(page: Path, title: str) -> list[Path]:
    """The files of the report whose page is called so: its tables' names differ in their suffix.

    Raises:
        ValueError: If the page is not called *.html, or a file is in the way that no report has written, or
            one of another title has.
        OSError: If they could not be written.
    """
    if page.suffix != ".html":
        raise ValueError(f"to must be the name of an HTML file, for example report.html, got {page}")
    files = [page.with_suffix(suffix) for suffix in COMMENTS]
    for file in files:
        if file.exists() and not (file.is_file() and MARK.encode() in file.read_bytes()):
            raise ValueError(f"{file} was not written by `semore report`: choose another --to, or move it")
    if page.exists() and (found := TITLE.search(page.read_text("utf-8"))) and unescape(found[1]) != title:
        raise ValueError(f"{page} is the report {unescape(found[1])!r}: choose another --to, or move it")
    for file in files:
        ready_to_write(file)
    return files


def write_files(texts: Mapping[Path, str]) -> None:
    """Write the files, each with the mark by which it may be replaced."""
    for path, text in texts.items():
        write_text(path, f"{text.rstrip()}\n\n{COMMENTS[path.suffix].format(MARK)}\n")
