"""Files and folders that are either whole or not there, even if the process is killed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

UNFINISHED = ".unfinished"  # suffix of what is being written


def write_text(path: Path, text: str) -> None:
    """Write a file so that a reader finds the old content or the new one, never a part."""
    with new_file(path) as unfinished:
        unfinished.write_text(text)


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A name to write to; when the block is done the file is flushed to the disk and moved to `path`."""
    unfinished = path.with_name(f".{path.stem}{UNFINISHED}{path.suffix}")
    yield unfinished
    _flush(unfinished)
    os.replace(unfinished, path)
    _flush(path.parent)


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
        _flush(file)
    _flush(unfinished)
    os.rename(unfinished, path)
    _flush(path.parent)


def remove_folder(path: Path) -> None:
    """Delete a folder; if the process is killed meanwhile, what is left has an unfinished name."""
    unfinished = path.with_name(path.name + UNFINISHED)
    shutil.rmtree(unfinished, ignore_errors=True)
    os.rename(path, unfinished)
    shutil.rmtree(unfinished)


def _flush(path: Path) -> None:
    if path.is_dir() and os.name == "nt":
        return  # Windows cannot flush a folder
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
