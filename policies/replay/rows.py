"""Growing tables of byte rows, in this machine's memory or on an accelerator."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt
import torch as th

Array = npt.NDArray[Any]
Slots = npt.NDArray[np.int32]


class Rows(ABC):
    """A table of uint8 arrays of one shape that grows by a chunk of rows at a time.

    Args:
        shape: Of a row.
        chunk: Rows by which the table grows.
    """

    def __init__(self, shape: tuple[int, ...], chunk: int) -> None:
        self.shape = shape
        self.chunk = chunk

    @abstractmethod
    def grow(self) -> None:
        """Add a chunk of zeros."""

    @abstractmethod
    def write(self, slot: int, row: Array) -> None:
        """Overwrite a row."""

    @abstractmethod
    def gather(self, slots: Slots) -> th.Tensor:
        """The rows in (N,) slots, as (N, *shape) uint8, a copy."""

    @abstractmethod
    def gather_bits(self, slots: Slots) -> th.Tensor:
        """The bits of 1-dimensional rows in (N,) slots, as (N, 8 * bytes) uint8: 255 where one is set."""

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Bytes allocated."""


class HostRows(Rows):
    """Rows in this machine's memory.

    Numpy, and not torch, copies them: it asks the system for zero pages without touching them, and copies
    without waking a thread pool for every row.
    """

    def __init__(self, shape: tuple[int, ...], chunk: int) -> None:
        super().__init__(shape, chunk)
        self._chunks: list[Array] = []

    def grow(self) -> None:
        """Add a chunk of zeros, which take no memory before they are written to."""
        self._chunks.append(np.zeros((self.chunk, *self.shape), np.uint8))

    def write(self, slot: int, row: Array) -> None:
        """Overwrite a row."""
        self._chunks[slot // self.chunk][slot % self.chunk] = row

    def gather(self, slots: Slots) -> th.Tensor:
        """The rows in (N,) slots, as (N, *shape) uint8, a copy."""
        return th.from_numpy(self._stack(slots))

    def gather_bits(self, slots: Slots) -> th.Tensor:
        """The bits of rows in (N,) slots, first bit first, as (N, 8 * bytes) uint8: 255 where one is set."""
        return th.from_numpy(np.unpackbits(self._stack(slots), axis=1) * np.uint8(255))

    def _stack(self, slots: Slots) -> Array:
        return np.stack([self._chunks[i // self.chunk][i % self.chunk] for i in slots.tolist()])

    @property
    def nbytes(self) -> int:
        """Bytes allocated."""
        return sum(chunk.nbytes for chunk in self._chunks)


class DeviceRows(Rows):
    """Rows in the memory of a torch device.

    Args:
        shape: Of a row.
        chunk: Rows by which the table grows.
        device: Where.
    """

    def __init__(self, shape: tuple[int, ...], chunk: int, device: th.device) -> None:
        super().__init__(shape, chunk)
        self._device = device
        self._chunks: list[th.Tensor] = []
        self._bits = th.tensor([128, 64, 32, 16, 8, 4, 2, 1], dtype=th.uint8, device=device)

    def grow(self) -> None:
        """Add a chunk of zeros."""
        self._chunks.append(th.zeros((self.chunk, *self.shape), dtype=th.uint8, device=self._device))

    def write(self, slot: int, row: Array) -> None:
        """Overwrite a row."""
        self._chunks[slot // self.chunk][slot % self.chunk] = th.from_numpy(np.ascontiguousarray(row))

    def gather(self, slots: Slots) -> th.Tensor:
        """The rows in (N,) slots, as (N, *shape) uint8, a copy."""
        return th.stack([self._chunks[i // self.chunk][i % self.chunk] for i in slots.tolist()])

    def gather_bits(self, slots: Slots) -> th.Tensor:
        """The bits of rows in (N,) slots, first bit first, as (N, 8 * bytes) uint8: 255 where one is set."""
        return (
            self.gather(slots).unsqueeze(-1).bitwise_and(self._bits).ne(0).flatten(1).to(th.uint8).mul_(255)
        )

    @property
    def nbytes(self) -> int:
        """Bytes allocated."""
        return sum(chunk.nbytes for chunk in self._chunks)


def make_rows(shape: tuple[int, ...], chunk: int, device: th.device) -> Rows:
    """Make a table on `device`."""
    return HostRows(shape, chunk) if device.type == "cpu" else DeviceRows(shape, chunk, device)
