"""Masks made by another process while the training runs on."""

from __future__ import annotations

import atexit
import logging
import queue
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import numpy as np
import numpy.typing as npt

from semore_gym.masks.base import Images, MaskProvider
from semore_gym.masks.provider_process import ProviderError, ProviderProcess

Ids = npt.NDArray[np.int64]

logger = logging.getLogger(__name__)


class AsyncMasks:
    """Makes masks in a worker process; nobody waits for it.

    Frames are handed in with `submit` and their masks fetched later with `collect`; neither blocks. Frames
    that find the queue full are left out and counted. A worker that dies, or that answers not within its
    time, is killed and replaced, and the frames that it had are given up; a batch that the provider raises
    on is given up too. After `max_failures` such batches in a row no more masks are made: an error in the
    log says so, and the training goes on without. Close it at the end, or use it as a context; a process
    that is left over ends with this one, however that ends.

    Args:
        make_provider: Called in the worker, with nothing, to make the provider; it has to be picklable (a
            class, a module's function, a `functools.partial` of one).
        batch_size: Most frames that the provider gets at once.
        waiting: Most frames that wait.
        deadline: A batch's time [s].
        start_deadline: The time that making the provider may take [s], loading of its models included.
        max_failures: Failed batches in a row after which it stops.

    Raises:
        ValueError: If a number is not positive.

    Example:
        >>> from semore_gym.masks import NoMasks
        >>> with AsyncMasks(NoMasks) as masks:
        ...     taken = masks.submit(np.array([7]), np.zeros((1, 3, 84, 84), np.uint8))
        ...     ids, made = masks.collect()  # none yet, most likely: ids (N,), made (N, 1, 84, 84)
    """

    def __init__(
        self,
        make_provider: Callable[[], MaskProvider],
        *,
        batch_size: int = 8,
        waiting: int = 64,
        deadline: float = 120.0,
        start_deadline: float = 1800.0,
        max_failures: int = 5,
    ) -> None:
        numbers = {
            "batch_size": batch_size,
            "waiting": waiting,
            "deadline": deadline,
            "start_deadline": start_deadline,
            "max_failures": max_failures,
        }
        for name, value in numbers.items():
            if not value > 0:
                raise ValueError(f"{name} must be positive, got {value!r}")
        self.batch_size = batch_size
        self.max_failures = max_failures
        self._process = ProviderProcess(make_provider, deadline, start_deadline)
        self._waiting: queue.Queue[tuple[int, Images] | None] = queue.Queue(waiting)
        self._finished: queue.SimpleQueue[tuple[int, Images]] = queue.SimpleQueue()
        self._tally = Counter(dict.fromkeys(("submitted", "skipped", "made", "lost", "batches_failed"), 0))
        self._provider_counts: dict[str, float] = {}
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="masks", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def submit(self, ids: Ids, frames: Images) -> int:
        """Ask for masks.

        Args:
            ids: (N,) what the masks are to be returned with.
            frames: (N, 3, H, W) uint8; a copy is taken.

        Returns:
            How many found room.
        """
        taken = 0
        for id_, frame in zip(ids.tolist(), frames, strict=True):
            try:
                if not self._closed.is_set():
                    self._waiting.put_nowait((id_, frame.copy()))
                    taken += 1
            except queue.Full:
                break
        self._tally["submitted"] += taken
        self._tally["skipped"] += len(ids) - taken
        return taken

    def collect(self) -> tuple[Ids, Images]:
        """Fetch what was finished since the last call.

        Returns:
            ids (N,) and masks (N, 1, H, W) uint8; N may be 0, then H and W are too.
        """
        found = []
        while not self._finished.empty():
            found.append(self._finished.get())
        if not found:
            return np.zeros(0, np.int64), np.zeros((0, 1, 0, 0), np.uint8)
        return np.array([id_ for id_, _ in found], np.int64), np.stack([mask for _, mask in found])

    def counts(self) -> dict[str, float]:
        """What was done since this was made.

        Returns:
            The provider's own counts as of its last batch; `submitted`, `skipped` (no room), `made` and
            `lost` (given up) frames; `batches_failed`; `restarts` of the worker; `waiting` frames.
        """
        return {
            **self._provider_counts,
            **self._tally,
            "restarts": max(0, self._process.starts - 1),
            "waiting": self._waiting.qsize(),
        }

    def close(self) -> None:
        """End the worker and forget what waits."""
        self._closed.set()
        self._process.end()
        with suppress(queue.Full):
            self._waiting.put_nowait(None)  # wakes the thread, should it wait
        self._thread.join()
        atexit.unregister(self.close)

    def __enter__(self) -> AsyncMasks:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _run(self) -> None:
        failures = 0
        while not self._closed.is_set() and (batch := self._next_batch()):
            try:
                masks, self._provider_counts = self._process.ask(np.stack([frame for _, frame in batch]))
            except ProviderError as error:
                failures += 1
                if not self._closed.is_set():
                    self._note_failure(error, len(batch), failures)
                continue
            failures = 0
            self._tally["made"] += len(batch)
            for (id_, _), mask in zip(batch, masks, strict=True):
                self._finished.put((id_, mask))
        self._process.end()
        self._process.bury()

    def _next_batch(self) -> list[tuple[int, Images]]:
        """Wait for frames; none means the end."""
        batch = []
        item = self._waiting.get()
        while item is not None and not self._closed.is_set():
            batch.append(item)
            if len(batch) == self.batch_size or self._waiting.empty():
                return batch
            item = self._waiting.get()
        return []

    def _note_failure(self, error: ProviderError, lost: int, failures: int) -> None:
        self._tally["lost"] += lost
        self._tally["batches_failed"] += 1
        logger.warning("%d masks are lost: %s", lost, error)
        if failures == self.max_failures:
            logger.error(
                "no more masks are made: %d batches in a row failed; the training goes on without masks. "
                "The last failure: %s",
                failures,
                error,
            )
            self._closed.set()
