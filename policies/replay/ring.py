"""Which transitions a replay buffer holds, which of them can be drawn, and how they follow each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from semore_gym.policies.replay.rows import Slots

Array = npt.NDArray[Any]
Flags = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.intp]


class NStepReturns(NamedTuple):
    """The n-step returns from B transitions on.

    Attributes:
        last: (B,) flat indices of the last transitions that count.
        rewards: (B, 1) float32, the discounted sums.
        terminated: (B, 1) float32, whether the last transitions ended in a terminal state.
        discounts: (B, 1) float32, gamma to the power of the steps taken.
    """

    last: Indices
    rewards: Array
    terminated: Array
    discounts: Array


class TransitionRing:
    """The last transitions of several environments that step together, without their frames.

    A row holds one transition of every environment; the oldest row is overwritten. The flat index of a
    transition is row * n_envs + environment. Its number is how many transitions were added before it, ever.

    Args:
        rows: Transitions kept of each environment.
        n_envs: Environments.
        history: Frames in a stack (k).
        action_dim: Length of an action.
        action_dtype: Its dtype.
    """

    def __init__(self, rows: int, n_envs: int, history: int, action_dim: int, action_dtype: Any) -> None:
        self.rows = rows
        self.n_envs = n_envs
        self.capacity = rows * n_envs
        self.added = 0  # transitions, ever
        # One entry a transition, by flat index.
        self.actions: Array = np.zeros((self.capacity, action_dim), action_dtype)
        self.rewards: npt.NDArray[np.float32] = np.zeros(self.capacity, np.float32)
        self.terminated: npt.NDArray[np.float32] = np.zeros(self.capacity, np.float32)
        self.ends: Flags = np.zeros(self.capacity, np.bool_)  # no return runs past this transition
        self.sampleable: Flags = np.zeros(self.capacity, np.bool_)
        self.slots: Slots = np.zeros((self.capacity, 2, history), np.int32)  # of o_t's and o_{t+1}'s stack

    @property
    def row(self) -> int:
        """The row that is written next."""
        return self.added // self.n_envs % self.rows

    @property
    def full(self) -> bool:
        """Whether every row holds transitions."""
        return self.added >= self.capacity

    @property
    def size(self) -> int:
        """Transitions stored now."""
        return min(self.added, self.capacity)

    @property
    def nbytes(self) -> int:
        """Bytes allocated."""
        arrays = (self.actions, self.rewards, self.terminated, self.ends, self.sampleable, self.slots)
        return sum(array.nbytes for array in arrays)

    def index(self, number: int) -> int:
        """The flat index of the transition with this number, while it is stored."""
        return number % self.capacity

    def previous(self, index: int) -> int:
        """The flat index of the transition before `index` in the same environment."""
        return (index - self.n_envs) % self.capacity

    def next_row(self) -> slice:
        """The flat indices of the row that is written next."""
        first = self.row * self.n_envs
        return slice(first, first + self.n_envs)

    def put(
        self, actions: Array, rewards: Array, done: Array, infos: Sequence[Mapping[str, Any]], starts: Flags
    ) -> None:
        """Write a row, one transition of every environment, but for its slots.

        Args:
            actions: (n_envs, A).
            rewards: (n_envs,).
            done: (n_envs,), whether the episode ended, for whatever reason.
            infos: One per environment; `TimeLimit.truncated` marks an end that is no termination, and what
                ended with `end_reason` "simulator_error" is never drawn.
            starts: (n_envs,), whether the transitions start episodes.
        """
        row = self.next_row()
        lost = np.array([info.get("end_reason") == "simulator_error" for info in infos])
        cut = np.array([info.get("TimeLimit.truncated", False) for info in infos])
        ended = np.asarray(done, np.bool_)
        before = self.previous(row.start)
        self.ends[before : before + self.n_envs] |= starts | lost
        self.actions[row] = np.reshape(actions, (self.n_envs, -1))
        self.rewards[row] = rewards
        self.terminated[row] = ended & ~cut
        self.ends[row] = ended
        self.sampleable[row] = ~lost
        self.added += self.n_envs

    def draw(self, count: int) -> Indices:
        """Draw flat indices of sampleable transitions, uniformly and with replacement.

        The numbers come from numpy's global generator, as in Stable-Baselines3.

        Raises:
            RuntimeError: If no transition is sampleable.
        """
        candidates = np.flatnonzero(self.sampleable)
        if not len(candidates):
            raise RuntimeError(
                f"nothing can be sampled: {self.size} transitions are stored and none is sampleable (others "
                "were rejected, wait for a verdict, or were lost with the simulator)"
            )
        return candidates[np.random.randint(0, len(candidates), size=count)]

    def n_step_returns(
        self, indices: Indices, n_steps: int, gamma: float, scale: Callable[[Array], Array] | None = None
    ) -> NStepReturns:
        """Sum up the rewards of up to n_steps steps from each transition on, as far as its episode is known.

        Args:
            indices: (B,) flat indices.
            n_steps: Steps at most.
            gamma: Discount.
            scale: Applied to the one-step rewards, if given.
        """
        steps = np.arange(n_steps)
        line = (indices[:, None] + steps * self.n_envs) % self.capacity  # (B, n)
        newer = (self.row - 1 - indices // self.n_envs) % self.rows  # (B,) rows newer than the transition's
        taken = steps <= newer[:, None]
        taken[:, 1:] &= ~np.logical_or.accumulate(self.ends[line], axis=1)[:, :-1]
        count = taken.sum(axis=1)
        last = line[np.arange(len(indices)), count - 1]
        rewards = self.rewards[line] if scale is None else scale(self.rewards[line])
        sums = (rewards * taken * gamma**steps).sum(axis=1)
        discounts = gamma**count
        return NStepReturns(
            last,
            sums.astype(np.float32)[:, None],
            self.terminated[last, None],
            discounts.astype(np.float32)[:, None],
        )
