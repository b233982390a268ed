"""A trial's run folder in an object store, for machines that share no file system."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from semore_gym.benchmark.executors.worker import PROCESS
from semore_gym.training.run_folder import RunFolder
from semore_gym.utils.files import UNFINISHED, new_file

MANIFEST = "manifest.json"


@dataclass
class Stored:
    """What the manifest of a stored run says."""

    attempt: str | None = None
    """Which attempt trains it now."""
    node: str | None = None
    """Where."""
    files: dict[str, str] = field(default_factory=dict)
    """By name in the run folder, where each file's content lies."""


class RunStorage:
    """A run folder at a URL: files that are never changed, and a manifest that names those that count.

    A new version of a file is a new object, and the manifest is replaced once all objects that it names are
    there. So whoever is killed while writing leaves the state of before, whole.

    Args:
        url: One that fsspec knows, for example s3://bucket/folder or file:///folder.

    Raises:
        ValueError: If fsspec cannot use it.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._files, self._root = _open(url)
        self._here: dict[str, tuple[tuple[int, int], str]] = {}
        """By name, the stamp that a local file had when it was the same as an object."""

    def __reduce__(self) -> tuple[type[RunStorage], tuple[str]]:
        return RunStorage, (self.url,)  # another machine has none of the files

    def read(self) -> Stored:
        """What is there now; nothing where nobody has written yet."""
        try:
            return Stored(**json.loads(self._files.cat_file(self._path(MANIFEST))))
        except FileNotFoundError:
            return Stored()

    def text(self, name: str) -> str | None:
        """A file as it is there; None if it is not."""
        there = self.read().files.get(name)
        return None if there is None else self._files.cat_file(self._path(there)).decode()

    def write(self, stored: Stored) -> None:
        """Replace the manifest, then delete the objects that do not count any more."""
        unfinished = self._path(f".{uuid4().hex}{UNFINISHED}")
        self._files.pipe_file(unfinished, json.dumps(asdict(stored)).encode())
        self._files.mv(unfinished, self._path(MANIFEST))
        counting = {self._path(there) for there in stored.files.values()}
        self._files.invalidate_cache()
        for path in self._files.find(self._path("files")):
            if path not in counting:
                self._files.rm_file(path)

    def pull(self, folder: Path, wanted: Callable[[str], bool] = lambda name: True) -> Stored:
        """Fetch files that are not here as they are there.

        Args:
            folder: Where they go.
            wanted: Tells by its name whether a file is.

        Raises:
            FileNotFoundError: If somebody has pushed meanwhile, so that files are gone: pull again.
        """
        stored = self.read()
        for name, there in stored.files.items():
            path = folder / name
            if wanted(name) and self._here.get(name, ((), ""))[1] != there:
                path.parent.mkdir(parents=True, exist_ok=True)
                with new_file(path) as unfinished:
                    self._files.get_file(self._path(there), str(unfinished))
                self._here[name] = _stamp(path), there
        return stored

    def push(self, run: RunFolder, before: Stored, **values: Any) -> Stored:
        """Send what a training needs to go on, and what it has to show; what has not changed stays.

        Args:
            run: In training or at its end.
            before: What is there now.
            values: Fields of `Stored` that change beside the files.

        Returns:
            What `write` makes count.

        Raises:
            FileNotFoundError: If the training has replaced its checkpoint meanwhile: push again.
        """
        files = {}
        push = uuid4().hex[:12]
        for name in needed_files(run):
            stamp, there = self._here.get(name, ((), ""))
            now = _stamp(run.path / name)
            if stamp != now or there not in before.files.values():
                there = f"files/{push}/{name}"
                self._files.put_file(str(run.path / name), self._path(there))
                self._here[name] = now, there
            files[name] = there
        return Stored(**{**asdict(before), "files": files, **values})

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"


def needed_files(run: RunFolder) -> list[str]:
    """Names of a run folder's files without earlier checkpoints and, at its end, without the replay buffer.

    The checkpoint comes first: tables that are read after it lack none of its rows, and rows that they have
    beyond it are dropped when the training goes on.
    """
    newest = run.newest_checkpoint()
    found = sorted(newest.iterdir()) if newest is not None else []
    left_out = {"checkpoints", PROCESS, *(["replay"] if run.finished else [])}
    for path in sorted(run.path.rglob("*")):
        whole = UNFINISHED not in path.name and path.suffix != ".tmp"
        if path.is_file() and whole and path.relative_to(run.path).parts[0] not in left_out:
            found.append(path)
    return [path.relative_to(run.path).as_posix() for path in found]


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _open(url: str) -> tuple[Any, str]:
    try:
        import fsspec
        from fsspec.implementations.local import LocalFileSystem
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f'storage needs {error.name}: pip install "semore-gym[ray]"', name=error.name
        ) from error
    try:
        files, root = fsspec.core.url_to_fs(url)
    except (ValueError, ImportError) as error:  # a protocol unknown, or one whose package is missing
        raise ValueError(f"storage {url!r} cannot be used: {error}") from error
    if isinstance(files, LocalFileSystem):
        files.auto_mkdir = True
    return files, root.rstrip("/")
