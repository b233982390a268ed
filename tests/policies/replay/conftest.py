"""A naive replay buffer that keeps whole observations, fed beside the one under test."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from semore_gym.judges import Question
from semore_gym.policies.replay.frames import FrameReplayBuffer
from semore_gym.policies.replay.selective import SelectiveReplayBuffer

ACTIONS = spaces.Box(-1, 1, (2,), np.float32)


def space_of(keys: tuple[str, ...] | None, history: int = 3, size: tuple[int, int] = (4, 5)) -> spaces.Space:
    frames = spaces.Box(0, 255, (3 * history, *size), np.uint8)
    if keys is None:
        return frames
    parts = {
        "frames": frames,
        "residual": spaces.Box(-255, 255, (3 * (history - 1), *size), np.int16),
        "mask": spaces.Box(0, 255, (1, *size), np.uint8),
    }
    return spaces.Dict({key: parts[key] for key in keys})


def whole(frames: list[np.ndarray], mask: np.ndarray, keys: tuple[str, ...] | None) -> Any:
    """A whole observation, from the frames of its stack."""
    parts = {
        "frames": np.concatenate(frames),
        "residual": np.concatenate(
            [b.astype(np.int16) - a for a, b in pairwise(frames)] or [np.zeros((0, 4, 5), np.int16)]
        ),
        "mask": mask,
    }
    return parts["frames"] if keys is None else {key: parts[key] for key in keys}


class World:
    """Episodes of random pictures with FrameHistory's padding, or with zeros, or with foreign frames."""

    def __init__(self, seed: int, keys: tuple[str, ...] | None, history: int, padding: str) -> None:
        self.rng = np.random.default_rng(seed)
        self.keys, self.history, self.padding = keys, history, padding
        self.reset()

    def picture(self) -> np.ndarray:
        # Few values and small pictures, so that equal neighbours happen.
        return self.rng.integers(0, 2, (3, 1, 1), dtype=np.uint8) * np.ones((3, 4, 5), np.uint8)

    def reset(self) -> Any:
        first = self.picture()
        before = {"repeat": lambda: first, "zeros": lambda: np.zeros_like(first), "foreign": self.picture}
        self.frames = [before[self.padding]() for _ in range(self.history - 1)] + [first]
        return self.observe()

    def step(self) -> Any:
        self.frames = [*self.frames[1:], self.picture()]
        return self.observe()

    def observe(self) -> Any:
        self.mask = self.rng.integers(0, 256, (1, 4, 5), dtype=np.uint8) * self.rng.integers(
            0, 2, dtype=np.uint8
        )
        self.obs = whole(self.frames, self.mask, self.keys)
        return self.obs


@dataclass
class Whole:
    """A transition as the naive buffer keeps it."""

    obs: Any
    next_obs: Any
    action: np.ndarray
    reward: float
    done: bool
    truncated: bool
    lost: bool
    starts: bool
    drawable: bool


def returns(line: list[Whole], i: int, n_steps: int, gamma: float) -> tuple[float, Whole, float]:
    """The n-step return of transition i of one environment, by a loop."""
    total, discount, last = 0.0, 1.0, line[i]
    for step, item in enumerate(line[i : i + n_steps]):
        if step and (item.starts or item.lost or line[i + step - 1].done):
            break
        total, discount, last = total + discount * item.reward, discount * gamma, item
    return total, last, discount


def batched(observations: list[Any]) -> Any:
    if isinstance(observations[0], dict):
        return {key: np.stack([obs[key] for obs in observations]) for key in observations[0]}
    return np.stack(observations)


def quantised(obs: Any, mask_bits: int) -> Any:
    if not isinstance(obs, dict) or mask_bits == 8 or "mask" not in obs:
        return obs
    return {**obs, "mask": np.where(obs["mask"] >= 128, 255, 0).astype(np.uint8)}


def assert_same(sampled: Any, expected: Any) -> None:
    if isinstance(expected, dict):
        assert set(sampled) == set(expected)
        for key in expected:
            assert_same(sampled[key], expected[key])
    else:
        assert sampled.numpy().dtype == expected.dtype
        np.testing.assert_array_equal(sampled.numpy(), expected)


class RandomJudge:
    """Answers now or later, this or that, and keeps the naive buffer's book on what may be drawn."""

    def __init__(self, rng: np.random.Generator, items: list[Whole]) -> None:
        self.rng, self.items = rng, items
        self.waiting: list[int] = []

    def ask(self, question: Question) -> None:
        self.waiting.append(question.number)
        self.items[question.number].drawable = False

    def verdicts(self) -> Iterator[tuple[int, bool | None]]:
        for number in list(self.waiting):
            if self.rng.random() < 0.3:
                self.waiting.remove(number)
                verdict = (True, False, None)[self.rng.integers(3)]
                self.items[number].drawable = verdict is not False
                yield number, verdict


class Pair:
    """The buffer under test and the naive one, fed with the same steps."""

    def __init__(
        self,
        seed: int,
        keys: tuple[str, ...] | None,
        rows: int,
        n_envs: int,
        history: int,
        padding: str,
        judged: int = 0,
        **kwargs: Any,
    ) -> None:
        self.items: list[Whole] = []
        arguments = (rows * n_envs, space_of(keys, history), ACTIONS, "cpu", n_envs)
        if judged:
            judge = RandomJudge(np.random.default_rng(seed), self.items)
            self.buffer = SelectiveReplayBuffer(*arguments, judge=judge, decay_steps=judged, **kwargs)
        else:
            self.buffer = FrameReplayBuffer(*arguments, **kwargs)
        self.worlds = [World(seed + i, keys, history, padding) for i in range(n_envs)]
        self.lines: list[deque[Whole]] = [deque(maxlen=rows) for _ in range(n_envs)]
        self.mask_bits = kwargs.get("mask_bits", 8)
        self.starts = [True] * n_envs
        self.rng = np.random.default_rng(seed)

    def restart(self, env: int) -> None:
        """What learn() does when it is called again: the episode is left where it is."""
        before = self.worlds[env].obs
        self.worlds[env].reset()
        self.starts[env] |= not _equal(before, self.worlds[env].obs)

    def step(self, events: list[str]) -> None:
        """One step of every environment; an event is "", "terminated", "truncated" or "lost"."""
        items = []
        for env, (world, event) in enumerate(zip(self.worlds, events, strict=True)):
            obs, number = world.obs, len(self.items)
            action = np.array([number / 2**20, -number / 2**20], np.float32)
            done, cut, lost = event != "", event in ("truncated", "lost"), event == "lost"
            reward = float(self.rng.normal())
            item = Whole(obs, world.step(), action, reward, done, cut, lost, self.starts[env], not lost)
            self.starts[env] = done
            if done:
                world.reset()
            items.append(item)
            self.items.append(item)
            self.lines[env].append(item)
        infos = [
            {"TimeLimit.truncated": i.truncated, "end_reason": "simulator_error" if i.lost else ""}
            for i in items
        ]
        self.last = (
            batched([i.obs for i in items]),
            batched([i.next_obs for i in items]),
            np.stack([i.action for i in items]),
            np.array([i.reward for i in items], np.float32),
            np.array([i.done for i in items]),
            infos,
        )
        self.repeat()

    def repeat(self) -> None:
        """Give the buffer the step that was made last."""
        self.buffer.add(*self.last)

    def find(self, action: np.ndarray) -> tuple[list[Whole], int]:
        for line in self.lines:
            for i, item in enumerate(line):
                if np.array_equal(item.action, action):
                    return list(line), i
        raise AssertionError(f"sampled a transition that is not stored: {action}")

    def check(self) -> None:
        """Every sampleable transition, by both ways of sampling, against the naive buffer."""
        expected = sum(item.drawable for line in self.lines for item in line)
        assert self.buffer.sampleable == expected
        if not expected:
            with pytest.raises(RuntimeError, match="nothing can be sampled"):
                self.buffer.sample(1)
            return
        size = 4 * expected
        samples, frames = self.buffer.sample(size), self.buffer.sample_frames(size)
        if frames.one_step:
            assert frames.next_frames.equal(frames.step_next_frames)
        for b in range(size):
            self.check_sample(samples, b)
            self.check_frames(frames, b)

    def check_sample(self, samples: Any, b: int) -> None:
        line, i = self.find(samples.actions[b].numpy())
        reward, last, discount = returns(line, i, self.buffer.n_steps, self.buffer.gamma)
        assert line[i].drawable
        assert_same(_row(samples.observations, b), quantised(line[i].obs, self.mask_bits))
        assert_same(_row(samples.next_observations, b), quantised(last.next_obs, self.mask_bits))
        np.testing.assert_allclose(samples.rewards[b], [reward], rtol=1e-5, atol=1e-6)
        assert samples.dones[b].tolist() == [float(last.done and not last.truncated)]
        if self.buffer.n_steps > 1:
            np.testing.assert_allclose(samples.discounts[b], [discount], rtol=1e-6)
        else:
            assert samples.discounts is None

    def check_frames(self, batch: Any, b: int) -> None:
        line, i = self.find(batch.actions[b].numpy())
        reward, last, discount = returns(line, i, self.buffer.n_steps, self.buffer.gamma)
        stacks = [
            obs["frames"] if isinstance(obs, dict) else obs
            for obs in (line[i].obs, last.next_obs, line[i].next_obs)
        ]
        for sampled, stack in zip(
            (batch.frames, batch.next_frames, batch.step_next_frames), stacks, strict=True
        ):
            assert_same(sampled[b], stack)
        mask = quantised(line[i].obs, self.mask_bits)
        assert_same(
            batch.masks[b],
            mask["mask"] if isinstance(mask, dict) and "mask" in mask else np.zeros((1, 4, 5), np.uint8),
        )
        np.testing.assert_allclose(batch.rewards[b], [reward], rtol=1e-5, atol=1e-6)
        assert batch.dones[b].tolist() == [float(last.done and not last.truncated)]
        np.testing.assert_allclose(batch.discounts[b], [discount], rtol=1e-6)
        assert batch.step_rewards[b].item() == np.float32(line[i].reward)


def _equal(a: Any, b: Any) -> bool:
    return all(np.array_equal(a[key], b[key]) for key in a) if isinstance(a, dict) else np.array_equal(a, b)


def _row(obs: Any, b: int) -> Any:
    return {key: value[b] for key, value in obs.items()} if isinstance(obs, dict) else obs[b]


@pytest.fixture(scope="session")
def replay_pair() -> type[Pair]:
    """The class that feeds both buffers with the same steps."""
    return Pair
