"""Processes: who is still at work, and how one learns of the end of another."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import psutil

from semore_gym.utils.files import write_text


def is_at_work(process: psutil.Process) -> bool:
    """Whether a process runs: a zombie, whose end nobody has asked for yet, does not."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def find_process(pid: int, created: float) -> psutil.Process | None:
    """A process that was noted down; None if it has ended, though its id may be another's now.

    Args:
        pid: Its id.
        created: Its `create_time()` [s since 1970].
    """
    try:
        process = psutil.Process(pid)
        return process if process.create_time() == created and is_at_work(process) else None
    except psutil.NoSuchProcess:
        return None


def mark_process(path: Path, process: psutil.Process) -> None:
    """Note in a file which process is at work."""
    write_text(path, json.dumps({"pid": process.pid, "created": process.create_time()}))


def marked_process(path: Path) -> psutil.Process | None:
    """The process that a file names, None if there is no file or the process has ended."""
    return find_process(**json.loads(path.read_text())) if path.is_file() else None


def at_end_of_input(act: Callable[[], object]) -> None:
    """Act, in a thread, once the other end of standard input, a pipe, is closed: at its owner's end at last.

    Unlike a signal at the parent's death, which only Linux has, a pipe works everywhere.
    """

    def wait() -> None:
        while os.read(0, 1):  # not sys.stdin, whose lock would hang the interpreter's shutdown
            pass
        act()

    threading.Thread(target=wait, daemon=True).start()
