"""Running means of what an update computes, without waiting for the device."""

from __future__ import annotations

import time
from collections.abc import Mapping

from torch import Tensor


class Meter:
    """Adds up scalar tensors where they are and turns them into numbers only when drained.

    Attributes:
        updates: Gradient updates since the last drain.
        waits: Calls of `train` since the last drain that had too few transitions to learn from.
    """

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}
        self.updates = 0
        self.waits = 0
        self.restart_clock(0)

    def add(self, values: Mapping[str, Tensor]) -> None:
        """Add one value to the mean of each name; tensors have one element."""
        for name, value in values.items():
            value = value.detach()
            self._sums[name] = self._sums[name] + value if name in self._sums else value
            self._counts[name] = self._counts.get(name, 0) + 1

    def restart_clock(self, env_steps: int) -> None:
        """Count rates from now and from this number of environment steps."""
        self._since = time.perf_counter()
        self._env_steps = env_steps

    def drain(self, env_steps: int) -> dict[str, float]:
        """Return the means and rates since the last drain and start again.

        Args:
            env_steps: Agent steps so far, over all environments.
        """
        seconds = max(time.perf_counter() - self._since, 1e-9)
        values = {name: float(total) / self._counts[name] for name, total in self._sums.items()}
        values["time/updates_per_second"] = self.updates / seconds
        values["time/env_steps_per_second"] = (env_steps - self._env_steps) / seconds
        values["train/waits"] = float(self.waits)
        self._sums, self._counts = {}, {}
        self.updates = self.waits = 0
        self.restart_clock(env_steps)
        return values
