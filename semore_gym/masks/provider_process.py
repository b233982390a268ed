"""A mask provider in a process of its own, which may hang or die."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

import numpy as np

from semore_gym.masks.base import Images, MaskProvider


class ProviderError(Exception):
    """A batch for which there are no masks."""


class ProviderProcess:
    """A process with a provider in it; started when it is first asked, and again when it has died.

    One thread asks; `end` may come from any.

    Args:
        make_provider: Called in the process, with nothing, to make the provider; it has to be picklable.
        deadline: The time that an answer may take [s].
        start_deadline: The time that making the provider may take [s].
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
        """Have masks made.

        Args:
            frames: (N, 3, H, W) uint8.

        Returns:
            The masks, (N, 1, H, W) uint8, and the provider's counts.

        Raises:
            ProviderError: If there are none.
        """
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
                raise ProviderError("closed")
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
            raise ProviderError(f"the process that makes masks {what}") from error
        finally:
            timer.cancel()
        if isinstance(answer, str):
            raise ProviderError(answer)
        return answer


def _serve(connection: Connection, make_provider: Callable[[], MaskProvider]) -> None:
    """What the process does: makes the provider, then masks, until the pipe ends."""
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
