"""Masks made by another process while the training runs on."""

from __future__ import annotations

import atexit
import logging
import multiprocessing
import os
import queue
import signal
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

import numpy as np
import numpy.typing as npt

from semore_gym.masks.base import Images, MaskProvider

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
        self._worker = _Worker(make_provider, deadline, start_deadline)
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
            "restarts": max(0, self._worker.starts - 1),
            "waiting": self._waiting.qsize(),
        }

    def close(self) -> None:
        """End the worker and forget what waits."""
        self._closed.set()
        self._worker.end()
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
                masks, self._provider_counts = self._worker.ask(np.stack([frame for _, frame in batch]))
            except _WorkerError as error:
                failures += 1
                if not self._closed.is_set():
                    self._note_failure(error, len(batch), failures)
                continue
            failures = 0
            self._tally["made"] += len(batch)
            for (id_, _), mask in zip(batch, masks, strict=True):
                self._finished.put((id_, mask))
        self._worker.end()
        self._worker.bury()

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

    def _note_failure(self, error: _WorkerError, lost: int, failures: int) -> None:
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


class _WorkerError(Exception):
    """A batch for which there are no masks."""


class _Worker:
    """A process with a provider in it; started when it is first asked, and again when it has died.

    One thread asks; `end` may come from any.
    """

    def __init__(
        self, make_provider: Callable[[], MaskProvider], deadline: float, start_deadline: float
    ) -> None:
        self.starts = 0
        self._make_provider = make_provider
        self._deadline = deadline
        self._start_deadline = start_deadline
        self._process: SpawnProcess | None = None
        self._connection: Connection
        self._ended = False
        self._lock = threading.Lock()

    def ask(self, frames: Images) -> tuple[Images, dict[str, float]]:
        """Have masks made; returns them and the provider's counts."""
        if self._process is None or not self._process.is_alive():
            self._start()
        answer: tuple[Images, dict[str, float]] = self._exchange(frames, self._deadline)
        return answer

    def end(self) -> None:
        """Kill the process and start no other."""
        with self._lock:
            self._ended = True
            if self._process is not None:
                self._process.kill()

    def bury(self) -> None:
        """Kill the process and wait for its end, so that no zombie is left."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._connection.close()

    def _start(self) -> None:
        self.bury()
        context = multiprocessing.get_context("spawn")
        with self._lock:
            if self._ended:
                raise _WorkerError("closed")
            self._connection, far_end = context.Pipe()
            self._process = context.Process(target=_serve, args=(far_end, self._make_provider), daemon=True)
            self._process.start()
        far_end.close()  # so that the pipe breaks when the process dies
        self.starts += 1
        self._exchange(None, self._start_deadline)

    def _exchange(self, question: Images | None, deadline: float) -> Any:
        """Send and receive; the timer ends a wait of any kind, by breaking the pipe."""
        process, late = self._process, threading.Event()
        assert process is not None

        def kill() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(deadline, kill)
        timer.daemon = True
        timer.start()
        try:
            if question is not None:
                self._connection.send(question)
            answer = self._connection.recv()
        except (OSError, EOFError) as error:
            self.bury()
            what = f"was killed after {deadline:g} s without an answer" if late.is_set() else "died"
            raise _WorkerError(f"the process that makes masks {what}") from error
        finally:
            timer.cancel()
        if isinstance(answer, str):
            raise _WorkerError(answer)
        return answer


def _serve(connection: Connection, make_provider: Callable[[], MaskProvider]) -> None:
    """The worker: makes the provider, then masks, until the pipe ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; the main one answers it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        provider = make_provider()
    except Exception as error:  # noqa: BLE001  whatever it is, the parent tells it
        connection.send(f"the provider cannot be made: {type(error).__name__}: {error}")
        return
    connection.send(None)
    while True:
        try:
            frames = connection.recv()
        except EOFError:
            return
        connection.send(_answer(provider, frames))


def _answer(provider: MaskProvider, frames: Images) -> str | tuple[Images, dict[str, float]]:
    try:
        masks = provider(frames)
        counts = provider.counts() if hasattr(provider, "counts") else {}
    except Exception as error:  # noqa: BLE001  whatever it is, the parent tells it
        return f"the provider raised {type(error).__name__}: {error}"
    expected = (len(frames), 1, *frames.shape[2:])
    if masks.shape != expected or masks.dtype != np.uint8:
        return f"the provider must return masks of uint8 {expected}, got {masks.dtype} {masks.shape}"
    return masks, counts


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait([parent.sentinel])
    os._exit(1)
