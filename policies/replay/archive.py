"""Replay buffers on disk: arrays only, written incrementally, readable whatever happens during a save."""

from __future__ import annotations

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from uuid import uuid4

import numpy as np
import numpy.typing as npt

from semore_gym.policies.replay.layout import Stack, StackLayout, Tail
from semore_gym.policies.replay.ring import TransitionRing
from semore_gym.policies.replay.storage import FrameStore, Ids
from semore_gym.utils.files import flush, write_text

Array = npt.NDArray[Any]

FORMAT = "semore-gym replay 1"
FRAMES_PER_FILE = 1024
RING = (
    "actions",
    "rewards",
    "terminated",
    "ends",
    "sampleable",
)  # the ring's arrays that are saved as they are


class FrameBuffer(Protocol):
    """What is kept of a buffer of frames, and by what it is recognised."""

    store: FrameStore
    ring: TransitionRing
    layout: StackLayout
    tails: list[Tail | None]
    buffer_size: int
    n_envs: int
    mask_bits: int
    action_dim: int
    pos: int
    full: bool

    def reset(self) -> None:
        """Forget everything."""

    def extra_state(self) -> dict[str, Any]:
        """What a subclass keeps besides transitions and frames, as JSON has it."""

    def restore_extra_state(self, state: Mapping[str, Any]) -> None:
        """Take back what `extra_state` gave."""


class _Chunk(NamedTuple):
    """A file of frames and masks that is never written again."""

    name: str
    ids: Ids  # those of all its frames and masks


class Archive:
    """What a buffer has on disk, in one folder.

    The folder holds chunk files of frames and masks that never change, state files of everything else, and
    manifests that name the files they need. A manifest is replaced by renaming once all its files are on
    disk, so that at any moment every manifest in the folder is complete. Several manifests (of several
    checkpoints) share their chunks; a file that no manifest names is deleted at the end of the next save.
    """

    def __init__(self) -> None:
        self.remasked: set[int] = set()  # ids of frames whose mask was set after they were stored
        self._folder: Path | None = None
        self._chunks: list[_Chunk] = []
        self._next_id = 0  # frames from this id on are not on disk

    def save(self, buffer: FrameBuffer, folder: str | PathLike[str], manifest: str) -> None:
        """Write what has changed since the last save into (or load from) this folder, else everything.

        Args:
            buffer: The buffer that this archive belongs to.
            folder: Where to; created if need be.
            manifest: The manifest's file name. One that is there already is replaced.

        Raises:
            ValueError: If `manifest` is not the plain name of a .json file.
        """
        path = Path(folder).resolve()
        if Path(manifest).name != manifest or not manifest.endswith(".json"):
            raise ValueError(f"manifest must be the plain name of a .json file, got {manifest!r}")
        path.mkdir(parents=True, exist_ok=True)
        known = path == self._folder and all((path / chunk.name).exists() for chunk in self._chunks)
        chunks, next_id = (self._chunks, self._next_id) if known else ([], 0)
        live = buffer.store.ids[buffer.store.live()]
        chunks = [chunk for chunk in chunks if np.isin(chunk.ids, live).any()]
        chunks += _write_chunks(
            buffer.store, path, live[live >= next_id], self._remasked_before(next_id, live)
        )
        state = _write_state(buffer, path)
        content = {
            "format": FORMAT,
            "settings": _settings(buffer),
            "chunks": [chunk.name for chunk in chunks],
            "state": state,
            "added": buffer.ring.added,
            "next_id": buffer.store.next_id,
            "extra": buffer.extra_state(),
        }
        flush(path)
        write_text(path / manifest, json.dumps(content, indent=1))
        self._folder, self._chunks, self._next_id = path, chunks, buffer.store.next_id
        self.remasked.clear()
        delete_unnamed(path)

    @classmethod
    def load(cls, buffer: FrameBuffer, folder: str | PathLike[str], manifest: str) -> Archive:
        """Make `buffer` what was saved, and give its archive.

        Args:
            buffer: A buffer made with the same arguments as the one that was saved.
            folder: Where it was saved.
            manifest: The manifest's file name.

        Raises:
            FileNotFoundError: If there is no such manifest.
            ValueError: If it was saved by a buffer of other settings, or by something else.
        """
        path = Path(folder).resolve()
        content = json.loads((path / manifest).read_text())
        if content.get("format") != FORMAT:
            raise ValueError(f"{path / manifest} is not a manifest of a replay buffer ({FORMAT})")
        check_settings(path / manifest, content["settings"], _settings(buffer))
        with np.load(path / content["state"]) as state:
            arrays = dict(state)
        buffer.reset()
        live = set(arrays["ids"].reshape(-1).tolist())
        chunks = [_Chunk(name, _read_chunk(buffer.store, path / name, live)) for name in content["chunks"]]
        buffer.store.next_id = content["next_id"]
        _restore(buffer, arrays, content["added"])
        buffer.restore_extra_state(content["extra"])
        archive = cls()
        archive._folder, archive._chunks, archive._next_id = path, chunks, content["next_id"]
        return archive

    def _remasked_before(self, next_id: int, live: Ids) -> Ids:
        remasked = np.array(sorted(self.remasked), np.int64)
        return remasked[(remasked < next_id) & np.isin(remasked, live)]


def check_settings(file: Path, saved: Mapping[str, Any], own: Mapping[str, Any]) -> None:
    """Compare what a file says of its buffer with the buffer that is to become it.

    Args:
        file: The manifest.
        saved: Its settings.
        own: The buffer's, those first that others follow from.

    Raises:
        ValueError: If one differs.
    """
    for name, value in own.items():
        if saved[name] != value:
            told = {"rows": "buffer_size // n_envs"}.get(name, name)
            raise ValueError(
                f"{file} was saved by a buffer with {told} {saved[name]!r}, this one has {value!r}"
            )


def _settings(buffer: FrameBuffer) -> dict[str, Any]:
    """What must be the same in the buffer that loads."""
    return {
        "class": type(buffer).__name__,
        "n_envs": buffer.n_envs,
        "rows": buffer.buffer_size,
        "history": buffer.layout.history,
        "size": list(buffer.layout.size),
        "mask_bits": buffer.mask_bits,
        "action_dim": buffer.action_dim,
    }


def _write_chunks(store: FrameStore, folder: Path, new: Ids, remasked: Ids) -> list[_Chunk]:
    """Write new frames with their masks, and the later masks of frames that are on disk already."""
    chunks = []
    for start in range(0, len(new), FRAMES_PER_FILE):
        chunks.append(_write_chunk(store, folder, new[start : start + FRAMES_PER_FILE], new[:0]))
    if len(remasked):
        chunks.append(_write_chunk(store, folder, new[:0], remasked))
    return chunks


def _write_chunk(store: FrameStore, folder: Path, frame_ids: Ids, remasked: Ids) -> _Chunk:
    slots = store.find_all(frame_ids)
    mask_ids = np.concatenate([frame_ids[store.masked[slots]], remasked])
    frames = (
        store.frames(slots[:, None]).cpu().numpy() if len(slots) else np.zeros((0, 3, *store.size), np.uint8)
    )
    masks = (
        store.packed_masks(store.find_all(mask_ids)).cpu().numpy()
        if len(mask_ids)
        else np.zeros((0, store.mask_bytes), np.uint8)
    )
    name = write_arrays(folder, "frames", frame_ids=frame_ids, frames=frames, mask_ids=mask_ids, masks=masks)
    return _Chunk(name, np.union1d(frame_ids, mask_ids))


def _read_chunk(store: FrameStore, file: Path, live: set[int]) -> Ids:
    """Put what is still in use of a chunk into the store; give all its ids."""
    with np.load(file) as chunk:
        frame_ids, frames, mask_ids, masks = (
            chunk[key] for key in ("frame_ids", "frames", "mask_ids", "masks")
        )
    for id_, frame in zip(frame_ids.tolist(), frames, strict=True):
        if id_ in live:
            store.put(frame, id_)
    for id_, mask in zip(mask_ids.tolist(), masks, strict=True):
        slot = store.find(id_)
        if slot is not None:
            store.put_packed_mask(slot, mask)
    return np.union1d(frame_ids, mask_ids)


def _write_state(buffer: FrameBuffer, folder: Path) -> str:
    ring = buffer.ring
    arrays = {name: getattr(ring, name)[: ring.size] for name in RING}
    arrays["ids"] = buffer.store.ids[ring.slots[: ring.size]]
    shape = (buffer.n_envs, 3 * buffer.layout.history, *buffer.layout.size)
    arrays["tails"] = np.array([tail is not None for tail in buffer.tails])
    arrays["tail_frames"] = np.zeros(shape, np.uint8)
    arrays["tail_masks"] = np.zeros((shape[0], 1, *shape[2:]), np.uint8)
    for env, tail in enumerate(buffer.tails):
        if tail is not None:
            arrays["tail_frames"][env] = tail.stack.frames
            if tail.stack.mask is not None:
                arrays["tail_masks"][env] = tail.stack.mask
    return write_arrays(folder, "state", **arrays)


def _restore(buffer: FrameBuffer, arrays: dict[str, Array], added: int) -> None:
    ring: TransitionRing = buffer.ring
    size = len(arrays["ids"])
    for name in RING:
        getattr(ring, name)[:size] = arrays[name]
    ring.slots[:size] = buffer.store.find_all(arrays["ids"].reshape(-1)).reshape(arrays["ids"].shape)
    ring.added = added
    buffer.store.hold(ring.slots[:size])
    buffer.pos, buffer.full = ring.row, ring.full
    newest = ring.index(added - buffer.n_envs)
    for env in np.flatnonzero(arrays["tails"]):
        mask = arrays["tail_masks"][env] if buffer.layout.has_mask else None
        buffer.tails[env] = Tail(Stack(arrays["tail_frames"][env], mask), ring.slots[newest + env, 1].copy())


def write_arrays(folder: Path, kind: str, **arrays: Array) -> str:
    """Write arrays into a new file that nothing refers to yet, and wait until it is on disk."""
    name = f"{kind}-{uuid4().hex}.npz"
    np.savez(folder / name, allow_pickle=False, **arrays)
    flush(folder / name)
    return name


def delete_unnamed(folder: Path) -> None:
    """Delete the chunk and state files that no manifest in the folder names."""
    named: set[str] = set()
    for file in folder.glob("[!.]*.json"):
        content = json.loads(file.read_text())
        named.update(content["chunks"], [content["state"]])
    for kind in ("frames", "state"):
        for file in folder.glob(f"{kind}-*.npz"):
            if file.name not in named:
                file.unlink()
