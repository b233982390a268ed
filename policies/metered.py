"""What a training tells of itself while it learns."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from semore_gym.policies.meter import Meter
from semore_gym.policies.saving import StoredSAC

logger = logging.getLogger(__name__)


class MeteredSAC(StoredSAC):
    """SAC with a meter, whose means and rates go into the log at every dump.

    Attributes:
        meter: What updates add their values to.
    """

    meter: Meter
    _waiting = False

    def watch(self, logged: Mapping[str, float]) -> None:
        """Look at what is about to be logged, to warn of what goes wrong; nothing here."""

    def note_wait(self, batch_size: int) -> None:
        """Count a call of `train` that cannot fill a batch; the first one in a row is warned of."""
        if not self._waiting:
            logger.warning(
                "learning waits: %d transitions can be sampled, a batch has %d",
                self.transitions.sampleable,
                batch_size,
            )
        self._waiting = True
        self.meter.waits += 1

    def note_updates(self, count: int) -> None:
        """Count updates."""
        self._waiting = False
        self.meter.updates += count

    def dump_logs(self) -> None:
        """Write what has been gathered since the last dump; the only place where tensors become numbers."""
        logged = self.meter.drain(self.num_timesteps)
        self.watch(logged)
        for name, value in logged.items():
            self.logger.record(name, value)
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        for name, value in self.transitions.counts().items():
            self.logger.record(f"replay/{name}", value)
        super().dump_logs()

    def _setup_model(self) -> None:
        super()._setup_model()
        self.meter = Meter()

    def _setup_learn(self, *args: Any, **kwargs: Any) -> Any:
        ready = super()._setup_learn(*args, **kwargs)
        self.meter.restart_clock(self.num_timesteps)
        return ready

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "meter"]
