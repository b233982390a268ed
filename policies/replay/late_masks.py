"""Masks that reach the replay buffer later than their frames."""

from __future__ import annotations

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from semore_gym.masks.asynchronous import AsyncMasks
from semore_gym.policies.replay.frames import FrameReplayBuffer
from semore_gym.wrappers.semantic_mask import COSTLY_EVERY


class LateMasks(BaseCallback):
    """Has stored frames masked by another process, and stores the masks beside them when they come.

    The environment carries zero masks (`masks="none"`). Every `every` agent steps of each environment the
    newest stored frame is handed over; its mask is written to that very frame, however many steps later,
    unless it was overwritten meanwhile. When a mask arrives depends on the machine, so that two trainings
    with the same seed, or one that was resumed, are not equal bit for bit. The counts of `AsyncMasks` are
    logged as `masks/...`.

    Args:
        masks: What makes the masks; closed by whoever made it.
        every: Agent steps of an environment from one mask to the next.

    Raises:
        ValueError: If `every` is not positive.

    Example:
        >>> from functools import partial
        >>> from semore_gym.masks import make_masks
        >>> maker = partial(make_masks, "vlm:clipseg", {"phrases": ["car"]})
        >>> with AsyncMasks(maker) as masks:  # doctest: +SKIP
        ...     model.learn(110_000, LateMasks(masks))
    """

    model: OffPolicyAlgorithm

    def __init__(self, masks: AsyncMasks, every: int = COSTLY_EVERY) -> None:
        super().__init__()
        if every < 1:
            raise ValueError(f"every must be at least 1, got {every!r}")
        self.masks = masks
        self.every = every

    def _on_training_start(self) -> None:
        if not isinstance(self.model.replay_buffer, FrameReplayBuffer):
            raise ValueError(
                f"LateMasks needs a FrameReplayBuffer, got {type(self.model.replay_buffer).__name__}"
            )

    def _on_step(self) -> bool:
        self._store_finished()
        if self.n_calls % self.every == 0:
            self._hand_over()
            for name, value in self.masks.counts().items():
                self.logger.record(f"masks/{name}", value)
        return True

    def _on_training_end(self) -> None:
        self._store_finished()

    def _store_finished(self) -> None:
        ids, masks = self.masks.collect()
        if len(ids):
            self._buffer.set_masks(ids, masks)

    def _hand_over(self) -> None:
        # the step just taken is stored after the callbacks: the newest frame is that of the step before
        tails = [tail for tail in self._buffer.tails if tail is not None]
        if tails:
            ids = self._buffer.store.ids[[tail.slots[-1] for tail in tails]]
            self.masks.submit(ids, np.stack([tail.stack.frames[-3:] for tail in tails]))

    @property
    def _buffer(self) -> FrameReplayBuffer:
        assert isinstance(self.model.replay_buffer, FrameReplayBuffer)
        return self.model.replay_buffer
