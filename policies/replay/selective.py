"""A replay buffer that lets a judge decide, early in training, which transitions are learned from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from semore_gym.judges import JUDGES, Judge, Question
from semore_gym.policies.replay.frames import FrameReplayBuffer
from semore_gym.policies.replay.layout import Observation

Array = npt.NDArray[Any]
Info = Mapping[str, Any]
Facts = dict[str, float | str]  # the numbers and names of an info


class SelectiveReplayBuffer(FrameReplayBuffer):
    """Frame replay buffer of Semore's selective replay (Semore, section "Selective Replay Buffer").

    The first `start` transitions are sampleable at once and nobody is asked: they are the warm-up's, whose
    random driving follows no intention that a judge could find unreasonable. Over the `decay_steps`
    transitions after them delta falls linearly from 1 to 0.5. While it is above 0.5, each new transition is
    put to the judge with probability delta (ours; the paper speaks of the probability of adding), and becomes
    sampleable when the verdict is "reasonable", or when the judge fails. Until then it is pending;
    unreasonable ones keep their frames and are never drawn. From delta 0.5 on the judge is not asked any more
    and everything is sampleable at once.

    The judge is told the info that belonged to o_t: of the step before, or, for an episode's first step, of
    the reset. An algorithm hands over the latter by `remember_resets`; without that they are not known.

    Args:
        buffer_size: Transitions to keep, over all environments.
        observation_space: As for `FrameReplayBuffer`.
        action_space: The action space.
        device: Where samples go.
        n_envs: Environments stepped together.
        optimize_memory_usage: Must be False.
        judge: A judge, or the name of one in `semore_gym.judges.JUDGES`.
        judge_kwargs: The arguments of a judge that is given by name.
        start: Transitions, over all environments, before delta begins to fall and the judge is asked; an
            algorithm's `learning_starts`.
        decay_steps: Transitions, over all environments, from there until delta is 0.5.
        seed: Of the generator that decides whether to ask.
        **kwargs: The further ones of `FrameReplayBuffer`.

    Raises:
        ValueError: If an argument is out of its range or the judge is unknown.
    """

    def __init__(
        self,
        buffer_size: int,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        device: Any = "auto",
        n_envs: int = 1,
        optimize_memory_usage: bool = False,
        *,
        judge: Judge | str = "rule",
        judge_kwargs: Mapping[str, Any] | None = None,
        start: int = 0,
        decay_steps: int = 2000,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            buffer_size, observation_space, action_space, device, n_envs, optimize_memory_usage, **kwargs
        )
        for name, value, low in (("start", start, 0), ("decay_steps", decay_steps, 1)):
            if value < low:
                raise ValueError(f"{name} must be at least {low}, got {value!r}")
        if judge_kwargs and not isinstance(judge, str):
            raise ValueError(f"judge_kwargs need a judge's name, got {judge!r}, which is made already")
        if isinstance(judge, str):
            JUDGES.load(judge)  # an unknown name is an error at once
        self._judge = judge
        self._judge_kwargs = dict(judge_kwargs or {})
        self.start = start
        self.decay_steps = decay_steps
        self.seed = seed
        self._forget()

    @cached_property
    def judge(self) -> Judge:
        """The judge; made when it is first asked: a model that only acts needs none, and it may be large."""
        return JUDGES.load(self._judge)(**self._judge_kwargs) if isinstance(self._judge, str) else self._judge

    def reset(self) -> None:
        """Forget everything, and start delta at 1 again."""
        super().reset()
        self._forget()

    def _forget(self) -> None:
        self._rng = np.random.default_rng(self.seed)
        self._pending: dict[int, Facts | None] = {}  # number of a transition -> what is known of o_t
        self._step_facts: list[Facts | None] = [None] * self.n_envs
        self._reset_facts: list[Facts | None] = [None] * self.n_envs
        self._tally = {"asked": 0, "rejected": 0, "failed": 0}

    @property
    def delta(self) -> float:
        """Probability that the next transition is put to the judge.

        At 0.5 none is any more, and of the first `start` none is yet.
        """
        return self._delta_of(self.ring.added)

    def _delta_of(self, number: int) -> float:
        """Delta when the transition with this number comes; 1 until `start`."""
        return max(0.5, 1 - 0.5 * max(0, number - self.start) / self.decay_steps)

    def counts(self) -> dict[str, float]:
        """Numbers for the log: those of `FrameReplayBuffer` and delta, asked, rejected, failed, pending."""
        return {**super().counts(), "delta": self.delta, **self._tally, "pending": len(self._pending)}

    def remember_resets(self, infos: Sequence[Info]) -> None:
        """Note the infos of the latest resets, for the first steps of episodes.

        Args:
            infos: One per environment; SB3's `VecEnv.reset_infos`, after a reset and after each `add`.
        """
        self._reset_facts = [_facts(info) for info in infos]

    def add(
        self,
        obs: Observation,
        next_obs: Observation,
        action: Array,
        reward: Array,
        done: Array,
        infos: Sequence[Info],
    ) -> None:
        """Add one transition of every environment, and ask the judge about those that it is to see.

        Arguments and errors are those of `FrameReplayBuffer.add`.
        """
        super().add(obs, next_obs, action, reward, done, infos)
        first = self.ring.added - self.n_envs
        for env in range(self.n_envs):
            facts = self._reset_facts[env] if self.starts[env] else self._step_facts[env]
            number = first + env
            if self.ring.sampleable[self.ring.index(number)] and self._asks(number):
                self.ring.sampleable[self.ring.index(number)] = False
                self._pending[number] = facts
                self._tally["asked"] += 1
                self._ask(number)
            if self.starts[env]:
                self._reset_facts[env] = None
            self._step_facts[env] = None if done[env] else _facts(infos[env])
        self._hear()

    def _asks(self, number: int) -> bool:
        """Decide whether the transition with this number is put to the judge."""
        delta = self._delta_of(number)
        return number >= self.start and delta > 0.5 and self._rng.random() < delta

    def _ask(self, number: int) -> None:
        index = self.ring.index(number)
        frames = self.store.frames(self.ring.slots[[index], 0])[0].cpu().numpy()
        self.judge.ask(Question(number, frames, self.ring.actions[index].copy(), self._pending[number]))

    def _hear(self) -> None:
        """Take in the verdicts that are known, and give up those of overwritten transitions."""
        oldest = self.ring.added - self.ring.capacity
        while self._pending and next(iter(self._pending)) < oldest:
            del self._pending[next(iter(self._pending))]
        if not self._pending:
            return
        for number, reasonable in self.judge.verdicts():
            if number in self._pending:
                del self._pending[number]
                self.ring.sampleable[self.ring.index(number)] = reasonable is not False
                self._tally["rejected"] += reasonable is False
                self._tally["failed"] += reasonable is None

    def extra_state(self) -> dict[str, Any]:
        """The generator, the questions that wait, what is known of the next o_t, and the counts."""
        return {
            "rng": self._rng.bit_generator.state,
            "pending": list(self._pending.items()),
            "step_facts": self._step_facts,
            "reset_facts": self._reset_facts,
            "tally": self._tally,
        }

    def restore_extra_state(self, state: Mapping[str, Any]) -> None:
        """Take back what `extra_state` gave, and put the waiting questions to the judge again."""
        self._rng.bit_generator.state = state["rng"]
        self._step_facts, self._reset_facts = state["step_facts"], state["reset_facts"]
        self._tally = dict(state["tally"])
        for number, facts in state["pending"]:
            self._pending[number] = facts
            self._ask(number)


def _facts(info: Info) -> Facts:
    return {key: value for key, value in info.items() if isinstance(value, (bool, int, float, str))}
