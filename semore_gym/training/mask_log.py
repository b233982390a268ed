"""What the masks' providers count, in the training's log."""

from __future__ import annotations

from stable_baselines3.common.callbacks import BaseCallback


class MaskLog(BaseCallback):
    """Logs the counts that `SemanticMask` tells at the end of each episode, as `masks/...`.

    They come in the infos, so also from environments in other processes; the log has the mean over the
    environments, each with its newest.
    """

    def __init__(self) -> None:
        super().__init__()
        self._newest: dict[int, dict[str, float]] = {}

    def _on_step(self) -> bool:
        told = False
        for index, info in enumerate(self.locals["infos"]):
            if "mask_counts" in info:
                self._newest[index] = info["mask_counts"]
                told = True
        if told:
            for name in next(iter(self._newest.values())):
                values = [counts[name] for counts in self._newest.values()]
                self.logger.record(f"masks/{name}", sum(values) / len(values))
        return True
