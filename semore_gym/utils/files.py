"""Files and folders that are either whole or not there, even if the process is killed."""

from __future__ import annotations

import csv
import errno
import io
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path
from typing import Any
from uuid import uuid4

UNFINISHED = ".unfinished"  # suffix of what is being written


def expanded(path: str | os.PathLike[str]) -> Path:
    """A path whose `~` is the home folder, which shells leave to the program in `--to=~/x` and `key=~/x`."""
    return Path(os.path.expanduser(path))


def write_text(path: Path, text: str) -> None:
    """Write a file so that a reader finds the old content or the new one, never a part."""
    with new_file(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read the rows of a CSV table; none where there is no file."""
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write a CSV table whole; a row leaves those columns empty that others have and it has not."""
    text = io.StringIO()
    writer = csv.DictWriter(
        text, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A name to write to; when the block is done the file is flushed to the disk and moved to `path`."""
    unfinished = path.with_name(f".{path.stem}{UNFINISHED}{path.suffix}")
    try:
        yield unfinished
        flush(unfinished)
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)
    flush(path.parent)


def ready_to_write(path: Path) -> None:
    """Make the folder of a file that is to be written, before the work for it is done.

    Raises:
        OSError: If the file could not be written.
    """
    if path.parent.exists() and not path.parent.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path.parent))
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    with tempfile.TemporaryFile(dir=path.parent):  # tells what permissions do not: a disk that is read-only
        pass


def free_name(path: Path) -> Path:
    """`path`, or where there is something already name-2, name-3, ... with its suffix."""
    names = chain([path], (path.with_name(f"{path.stem}-{i}{path.suffix}") for i in count(2)))
    return next(name for name in names if not name.exists())


@contextmanager
def cache_file(path: Path) -> Iterator[Path]:
    """Like `new_file`, for a file that several processes may write at once and that a crash may lose.

    What a killed process leaves has a name of its own, with `UNFINISHED` in it.
    """
    unfinished = path.with_name(f"{uuid4().hex}{UNFINISHED}")
    try:
        yield unfinished
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)  # a full disk gets back what a failure left


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to fill; when the block is done its files are flushed to the disk and it is moved to `path`.

    `path` must not exist. What a killed process left under the unfinished name is replaced.
    """
    unfinished = path.with_name(path.name + UNFINISHED)
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    yield unfinished
    for file in unfinished.rglob("*"):
        flush(file)
    flush(unfinished)
    os.rename(unfinished, path)
    flush(path.parent)


def remove_folder(path: Path) -> None:
    """Delete a folder; if the process is killed meanwhile, what is left has an unfinished name."""
    unfinished = path.with_name(path.name + UNFINISHED)
    shutil.rmtree(unfinished, ignore_errors=True)
    os.rename(path, unfinished)
    shutil.rmtree(unfinished)


def flush(path: Path) -> None:
    """Wait until a file, or a folder's list of files, is on the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows cannot flush a folder
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
