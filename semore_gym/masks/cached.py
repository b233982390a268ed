"""Masks kept on the disk, so that no frame is put to a model twice."""

from __future__ import annotations

import logging
import os
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from semore_gym.masks.base import Images, MaskProvider, counts_of, faults
from semore_gym.utils.files import UNFINISHED, cache_file, expanded

VERSION = 2  # of the files
DIGEST = 16  # bytes of a file's checksum
BLOCK = 4096  # what a small file takes of the disk [bytes]
ABANDONED = 3600.0  # age at which an unfinished file is taken for a killed process's [s]

logger = logging.getLogger(__name__)


class CachedMasks:
    """A provider's masks, remembered in a folder under what they depend on.

    A mask's file is named by the digest of the frame's bytes and shape and of the provider's `identity`
    (models, revisions, prompt, settings), so that nothing old is ever taken for something new. A file holds
    the mask's bytes, compressed, behind a checksum of them and of the file's name; it is no pickle. One that
    is damaged, or another's, is counted and made anew. Any number of processes may share the folder: files
    appear whole, by renaming.

    What the disk refuses (it is full, the folder may only be read, something else stands in a file's place)
    costs the cache's help, never the masks: it is counted, and the first time is told in the log.

    A zero mask that a provider made while its counts of faults (`failed`, `unusable`) rose is not kept: it
    would stay after the fault has gone.

    Args:
        provider: Makes the masks that are missing. It needs an attribute `identity`, and masks that depend
            on their frame alone.
        folder: Where the masks are kept; made if need be.
        size_limit: Bytes that the folder may take, counted in blocks of 4 KiB; the masks that were not used
            for longest go first. Each process may exceed it by a sixteenth before it looks.

    Raises:
        ValueError: If the provider has no identity, or `size_limit` holds not even one block.
        OSError: If the folder is not there and cannot be made.

    Example:
        >>> masks = CachedMasks(VLMMasks(phraser, segmenter), "~/.cache/semore-gym")  # doctest: +SKIP
    """

    def __init__(
        self, provider: MaskProvider, folder: str | os.PathLike[str], size_limit: int = 2 << 30
    ) -> None:
        if not isinstance(identity := getattr(provider, "identity", None), str):
            raise ValueError(
                f"provider must have an identity, a string of all that decides its masks; "
                f"{type(provider).__name__} has {identity!r}"
            )
        if size_limit < BLOCK:
            raise ValueError(f"size_limit must be at least {BLOCK} bytes, got {size_limit!r}")
        self.provider = provider
        self.folder = expanded(folder)
        self.size_limit = size_limit
        self.identity = identity
        if (every := getattr(provider, "every", None)) is not None:
            self.every = every
        self._tally = Counter(dict.fromkeys(("hits", "misses", "corrupt", "evicted", "errors"), 0))
        self._unchecked = Counter(bytes=size_limit)  # written since the folder's size was looked at
        self.folder.mkdir(parents=True, exist_ok=True)

    def reset(self, env: gym.Env[Any, Any], rng: np.random.Generator) -> None:
        """Get the provider ready."""
        self.provider.reset(env, rng)

    def __call__(self, frames: Images) -> Images:
        """Give the masks of frames, (N, 3, H, W) uint8, as (N, 1, H, W) uint8; only misses are made."""
        masks = np.zeros_like(frames[:, :1])
        paths = [self._path(frame) for frame in frames]
        missing: dict[Path, int] = {}  # equal frames are made once
        for index, path in enumerate(paths):
            found = self._read(path, masks.shape[2:])
            if found is None:
                missing.setdefault(path, index)
            else:
                masks[index, 0] = found
        self._tally["misses"] += len(missing)
        self._tally["hits"] += len(frames) - len(missing)
        if missing:
            made = dict(zip(missing, self._make(frames[list(missing.values())], list(missing)), strict=True))
            for index, path in enumerate(paths):
                if path in made:
                    masks[index] = made[path]
        return masks

    def counts(self) -> dict[str, float]:
        """What was done since this was made.

        Returns:
            The provider's own counts; `cache_hits` and `cache_misses`; `cache_corrupt` and `cache_evicted`
            files; `cache_errors`, what the disk refused.
        """
        return {**counts_of(self.provider), **{f"cache_{name}": n for name, n in self._tally.items()}}

    def _make(self, frames: Images, paths: list[Path]) -> Images:
        before = faults(self.provider)
        masks = self.provider(frames)
        faultless = faults(self.provider) == before
        for path, mask in zip(paths, masks, strict=True):
            if faultless or mask.any():
                with self._going_on():
                    self._write(path, mask)
        return masks

    def _path(self, frame: Images) -> Path:
        key = blake2b(f"{VERSION} {frame.shape} {self.identity} ".encode(), digest_size=20)
        key.update(frame.tobytes())
        name = key.hexdigest()
        return self.folder / name[:2] / f"{name[2:]}.mask"

    def _read(self, path: Path, size: tuple[int, ...]) -> Images | None:
        mask = None
        with self._going_on(), suppress(FileNotFoundError):
            mask = unpack(path.read_bytes(), size, _name(path))
            if mask is None:
                self._tally["corrupt"] += 1
                path.unlink()
            else:
                os.utime(path)  # used just now
        return mask

    def _write(self, path: Path, mask: Images) -> None:
        content = pack(mask, _name(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        with cache_file(path) as unfinished:
            unfinished.write_bytes(content)
        self._unchecked["bytes"] += _blocks(len(content))
        if self._unchecked["bytes"] > self.size_limit // 16:
            self._unchecked["bytes"] = 0
            self._evict()

    @contextmanager
    def _going_on(self) -> Iterator[None]:
        """Go on after what the disk refuses."""
        try:
            yield
        except OSError as error:
            if not self._tally["errors"]:
                logger.warning("the cache of masks fails, and they are made without its help: %s", error)
            self._tally["errors"] += 1

    def _evict(self) -> None:
        """Delete what killed processes left and, above the limit, the oldest masks until 7/8 of it."""
        files = []
        for folder in os.scandir(self.folder):
            for entry in os.scandir(folder.path) if folder.is_dir() else ():
                try:
                    status = entry.stat()
                except FileNotFoundError:
                    continue  # another process was faster
                if not entry.is_file():
                    continue
                if UNFINISHED in entry.name:
                    if status.st_mtime < time.time() - ABANDONED:
                        Path(entry.path).unlink(missing_ok=True)
                else:
                    files.append((status.st_mtime, _blocks(status.st_size), entry.path))
        excess = sum(size for _, size, _ in files) - self.size_limit
        if excess <= 0:
            return
        excess += self.size_limit // 8
        for _, size, path in sorted(files):
            if excess <= 0:
                break
            with self._going_on():
                Path(path).unlink(missing_ok=True)
                self._tally["evicted"] += 1
                excess -= size


def pack(mask: Images, name: str) -> bytes:
    """A mask as the file of this name holds it: a checksum of both, then the compressed bytes."""
    body = zlib.compress(mask.tobytes(), 1)
    return _checksum(body, name) + body


def unpack(content: bytes, size: tuple[int, ...], name: str) -> Images | None:
    """The mask that `pack` wrote, of this size and name; None if these bytes are anything else."""
    checksum, body = content[:DIGEST], content[DIGEST:]
    if _checksum(body, name) != checksum:
        return None
    length = int(np.prod(size))
    try:
        plain = zlib.decompressobj().decompress(body, length + 1)
    except zlib.error:
        return None
    return np.frombuffer(plain, np.uint8).reshape(size) if len(plain) == length else None


def _checksum(body: bytes, name: str) -> bytes:
    return blake2b(body, digest_size=DIGEST, key=name.encode()).digest()


def _name(path: Path) -> str:
    return path.parent.name + path.stem


def _blocks(size: int) -> int:
    return -(-size // BLOCK) * BLOCK
