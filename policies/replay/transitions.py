"""What VisualSAC asks of a replay buffer, whatever it stores."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection
from os import PathLike
from typing import Any

import numpy as np
import torch as th
from gymnasium import spaces
from stable_baselines3.common.buffers import ReplayBuffer

from semore_gym.policies.replay.ring import TransitionRing
from semore_gym.policies.replay.samples import FrameBatch
from semore_gym.utils.signatures import check_names, keywords


class TransitionBuffer(ReplayBuffer):
    """A replay buffer whose transitions lie in a `TransitionRing`, and whose files lie in a folder.

    Args:
        buffer_size: Transitions to keep, over all environments.
        observation_space: The observation space.
        action_space: The action space.
        device: Where samples go.
        n_envs: Environments stepped together.
        optimize_memory_usage: Must be False: SB3's trick of dropping next observations is not needed here.
        n_steps: Steps of the return; returns stop at the end of an episode.
        gamma: Discount of n-step returns, in (0, 1]. Give the algorithm's own.

    Attributes:
        ring: The transitions, without their observations.
    """

    ring: TransitionRing

    def __init__(
        self,
        buffer_size: int,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        device: th.device | str = "auto",
        n_envs: int = 1,
        optimize_memory_usage: bool = False,
        *,
        n_steps: int = 1,
        gamma: float = 0.99,
    ) -> None:
        if optimize_memory_usage:
            raise ValueError("optimize_memory_usage must be False: no observation is stored twice for long")
        if not 0 < gamma <= 1:
            raise ValueError(f"gamma must be in (0, 1], got {gamma!r}")
        for name, value in {"buffer_size": buffer_size, "n_envs": n_envs, "n_steps": n_steps}.items():
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value!r}")
        # ReplayBuffer's own constructor would allocate whole observations.
        super(ReplayBuffer, self).__init__(buffer_size, observation_space, action_space, device, n_envs)
        self.buffer_size = max(buffer_size // n_envs, 1)  # rows of n_envs transitions, as SB3 counts
        self.optimize_memory_usage = False
        self.handle_timeout_termination = True
        self.n_steps = n_steps
        self.gamma = gamma

    @property
    def sampleable(self) -> int:
        """How many transitions can be drawn now."""
        return int(np.count_nonzero(self.ring.sampleable))

    def counts(self) -> dict[str, float]:
        """Numbers for the log."""
        return {"sampleable": self.sampleable}

    @abstractmethod
    def sample_frames(self, batch_size: int) -> FrameBatch:
        """Draw transitions with replacement, for VisualSAC."""

    @abstractmethod
    def save(self, folder: str | PathLike[str], manifest: str = "manifest.json") -> None:
        """Write the buffer into a folder that checkpoints share, each with its own manifest."""

    @abstractmethod
    def load(self, folder: str | PathLike[str], manifest: str = "manifest.json") -> None:
        """Become the buffer that was saved in a folder."""


def check_buffer(kind: Any, wanted: type[TransitionBuffer], given: Collection[str], hint: str = "") -> None:
    """Refuse a replay buffer whose samples are not what the losses need, or that does not take its arguments.

    Args:
        kind: The class.
        wanted: What it has to be.
        given: Names in `replay_buffer_kwargs`.
        hint: What else to do about the class, for the message.

    Raises:
        ValueError: If it is no subclass, or an argument is unknown or set by the algorithm.
    """
    if not isinstance(kind, type) or not issubclass(kind, wanted):
        name = kind.__name__ if isinstance(kind, type) else repr(kind)
        raise ValueError(f"replay_buffer_class must be {wanted.__name__} or a subclass, got {name}{hint}")
    known = keywords(kind).keys() - keywords(ReplayBuffer).keys()
    check_names(f"replay_buffer_kwargs of {kind.__name__}", given, sorted(known))
