"""Where a replay buffer keeps its frames and masks: each once, in a slot, for as long as it is used."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch as th

from semore_gym.policies.replay.rows import Slots, make_rows
from semore_gym.utils.devices import check_device

Array = npt.NDArray[Any]
Ids = npt.NDArray[np.int64]

logger = logging.getLogger(__name__)


def usable_storage(buffer_kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Adapt the arguments of a saved model's buffer to this machine.

    Args:
        buffer_kwargs: Its arguments. Frames go to the CPU, with a warning, where the `storage_device` is one
            that this machine lacks.
    """
    try:
        check_device(buffer_kwargs.get("storage_device", "cpu"), "storage_device")
    except ValueError as error:
        logger.warning("%s; the replay buffer takes storage_device='cpu'", error)
        return {**buffer_kwargs, "storage_device": "cpu"}
    return dict(buffer_kwargs)


class FrameStore:
    """Frames and their masks in slots, with a count of users for each slot.

    Memory grows by one chunk of slots when no slot is free, and a slot is free again once nobody uses its
    frame: the store holds as many frames as were ever needed at the same time, rounded up to a chunk. On the
    CPU a chunk's pages are not even taken from the system before something is written to them.

    Args:
        size: Height and width of a frame, pixels.
        mask_bits: Bits of a mask's pixel: 8 keeps it as it is, 1 keeps whether it is at least 128 (and gives
            back 255 or 0), 0 keeps no masks.
        chunk: Slots by which the store grows.
        device: Where frames and masks lie.
    """

    def __init__(self, size: tuple[int, int], mask_bits: int, chunk: int, device: th.device) -> None:
        self.size = size
        self.mask_bits = mask_bits
        self.chunk = chunk
        self.device = device
        self.ids: Ids = np.zeros(0, np.int64)  # of the frame in each slot, -1 = free
        self.masked: npt.NDArray[np.bool_] = np.zeros(0, np.bool_)  # whether its mask has anything in it
        self._users: npt.NDArray[np.int32] = np.zeros(0, np.int32)
        self._free: list[int] = []
        self._slot_of: dict[int, int] = {}
        self._frames = make_rows((3, *size), chunk, device)
        self._masks = make_rows((self.mask_bytes,), chunk, device)
        self.next_id = 0

    def put(self, frame: Array, id_: int | None = None) -> int:
        """Store a frame, with an empty mask.

        Args:
            frame: (3, H, W) uint8.
            id_: Its id, when it had one before; otherwise it gets the next.

        Returns:
            The slot. It has no user yet: `hold` it.
        """
        if not self._free:
            self._grow()
        slot = self._free.pop()
        if id_ is None:
            id_ = self.next_id
        self.next_id = max(self.next_id, id_ + 1)
        self.ids[slot] = id_
        self._slot_of[id_] = slot
        self._frames.write(slot, frame)
        if self.masked[slot]:  # left over from the slot's former frame
            self.put_packed_mask(slot, np.zeros(self.mask_bytes, np.uint8))
        return slot

    def put_stack(self, frames: Array, mask: Array | None) -> Slots:
        """Store a stack frame by frame, equal neighbours once, and the mask of its newest frame.

        Args:
            frames: (3k, H, W) uint8, oldest first.
            mask: (1, H, W) uint8, or None where masks are not kept.

        Returns:
            The slots, (k,).
        """
        slots: list[int] = []
        for i in range(0, len(frames), 3):
            same = i > 0 and np.array_equal(frames[i : i + 3], frames[i - 3 : i])
            slots.append(slots[-1] if same else self.put(frames[i : i + 3]))
        if mask is not None:
            self.put_mask(slots[-1], mask)
        return np.array(slots, np.int32)

    def put_mask(self, slot: int, mask: Array) -> None:
        """Store the mask of the frame in `slot`.

        Args:
            slot: Where the frame is.
            mask: (1, H, W) uint8.
        """
        packed = np.packbits(mask >= 128) if self.mask_bits == 1 else mask.reshape(-1)
        self.put_packed_mask(slot, packed)

    def put_packed_mask(self, slot: int, packed: Array) -> None:
        """Store a mask as `packed_masks` gives it, (mask_bytes,) uint8."""
        masked = bool(packed.any())
        if masked or self.masked[slot]:  # an empty mask's pages need not be touched
            self._masks.write(slot, packed)
        self.masked[slot] = masked

    def hold(self, slots: Slots) -> None:
        """Count one more user of every entry of `slots`."""
        np.add.at(self._users, slots.reshape(-1), 1)

    def release(self, slots: Slots) -> None:
        """Count one user less of every entry of `slots`; free those that nobody uses any more."""
        flat = slots.reshape(-1)
        np.subtract.at(self._users, flat, 1)
        for slot in np.unique(flat[self._users[flat] == 0]).tolist():
            del self._slot_of[int(self.ids[slot])]
            self.ids[slot] = -1
            self._free.append(slot)

    def find(self, id_: int) -> int | None:
        """The slot of the frame with this id; None if it is no longer stored."""
        return self._slot_of.get(id_)

    def find_all(self, ids: Ids) -> Slots:
        """The slots of frames that are all stored, (N,)."""
        return np.array([self._slot_of[id_] for id_ in ids.tolist()], np.int32)

    def frames(self, slots: Slots) -> th.Tensor:
        """The frames in (B, m) slots, as (B, 3m, H, W) uint8 on the storage's device."""
        return self._frames.gather(slots.reshape(-1)).view(len(slots), -1, *self.size)

    def masks(self, slots: Slots) -> th.Tensor:
        """The masks in (B,) slots, as (B, 1, H, W) uint8; zeros where the store keeps no masks."""
        shape = (len(slots), 1, *self.size)
        if not self.mask_bits or not self.masked[slots].any():
            return th.zeros(shape, dtype=th.uint8, device=self.device)
        if self.mask_bits == 8:
            return self._masks.gather(slots).view(shape)
        return self._masks.gather_bits(slots)[:, : self.size[0] * self.size[1]].view(shape)

    def packed_masks(self, slots: Slots) -> th.Tensor:
        """The masks in (B,) slots as they lie in memory, (B, mask_bytes) uint8."""
        return self._masks.gather(slots)

    def live(self) -> Slots:
        """The slots in use, in the order in which their frames were stored."""
        slots = np.flatnonzero(self.ids >= 0)
        return slots[np.argsort(self.ids[slots])].astype(np.int32)

    @property
    def mask_bytes(self) -> int:
        """Bytes of one stored mask."""
        return -(-self.size[0] * self.size[1] * self.mask_bits // 8)

    @property
    def nbytes(self) -> int:
        """Bytes allocated for frames, masks and what is kept of every slot."""
        return (
            self._frames.nbytes
            + self._masks.nbytes
            + self.ids.nbytes
            + self.masked.nbytes
            + self._users.nbytes
        )

    def _grow(self) -> None:
        start = len(self.ids)
        self._frames.grow()
        self._masks.grow()
        self.ids = np.concatenate([self.ids, np.full(self.chunk, -1, np.int64)])
        self.masked = np.concatenate([self.masked, np.zeros(self.chunk, np.bool_)])
        self._users = np.concatenate([self._users, np.zeros(self.chunk, np.int32)])
        self._free.extend(range(start + self.chunk - 1, start - 1, -1))
