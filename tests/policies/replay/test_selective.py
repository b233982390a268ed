"""SelectiveReplayBuffer: who is asked, when, and what becomes of the verdicts."""

from __future__ import annotations

import json

import numpy as np
import pytest
from gymnasium import spaces

from semore_gym.judges import Question
from semore_gym.policies.replay.frames import FrameReplayBuffer
from semore_gym.policies.replay.selective import SelectiveReplayBuffer

ACTIONS = spaces.Box(-1, 1, (2,), np.float32)
SPACE = spaces.Box(0, 255, (9, 4, 5), np.uint8)
CLOSE = {"time_to_collision": 0.5}
FAR = {"time_to_collision": 50.0}


class SlowJudge:
    """Answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[Question] = []
        self.known: list[tuple[int, bool | None]] = []

    def ask(self, question: Question) -> None:
        self.asked.append(question)

    def verdicts(self) -> list[tuple[int, bool | None]]:
        known, self.known = self.known, []
        return known


def frame(step: int) -> np.ndarray:
    return np.full((3, 4, 5), step % 251, np.uint8)


def stack(step: int, first: int) -> np.ndarray:
    return np.concatenate([frame(max(i, first)) for i in (step - 2, step - 1, step)])[None]


class Driver:
    """Steps one environment; `step` counts from 0, episodes are `length` steps long."""

    def __init__(self, buffer: FrameReplayBuffer, length: int = 10**6) -> None:
        self.buffer, self.length, self.steps = buffer, length, 0

    def step(self, info: dict | None = None, throttle: float = 1.0) -> None:
        step, first = self.steps, self.steps - self.steps % self.length
        done = np.array([(step + 1) % self.length == 0])
        action = np.array([[step / 2**12, throttle]], np.float32)
        self.buffer.add(stack(step, first), stack(step + 1, first), action, np.ones(1), done, [info or {}])
        self.steps += 1


def drawn(buffer: FrameReplayBuffer, size: int = 500) -> set[int]:
    """The steps that are drawn."""
    return set((buffer.sample_frames(size).actions[:, 0] * 2**12).int().tolist())


def selective(judge: SlowJudge | str, size: int = 100, **kwargs) -> SelectiveReplayBuffer:
    return SelectiveReplayBuffer(size, SPACE, ACTIONS, "cpu", judge=judge, **kwargs)


def test_delta_falls_linearly_and_then_nobody_is_asked():
    judge = SlowJudge()
    driver = Driver(selective(judge, 5000, decay_steps=1000))
    deltas = []
    for _ in range(1500):
        deltas.append(driver.buffer.delta)
        driver.step()
    np.testing.assert_allclose(deltas[:1000], np.linspace(1, 0.5, 1001)[:1000])
    assert set(deltas[1000:]) == {0.5}
    asked = np.array([question.number for question in judge.asked])
    assert asked[0] == 0
    assert asked.max() < 1000
    assert len(asked) == driver.buffer.counts()["asked"]
    assert len(asked) == pytest.approx(750, abs=50)  # mean of delta 0.75, standard deviation 14
    assert len(asked[asked < 100]) > len(asked[asked >= 900]) + 20


def test_nobody_is_asked_in_the_warm_up_and_delta_falls_from_its_end():
    judges = [SlowJudge(), SlowJudge()]
    early = Driver(selective(judges[0], 500, decay_steps=100))
    late = Driver(selective(judges[1], 500, start=60, decay_steps=100))
    for _ in range(60):
        assert late.buffer.delta == 1.0
        late.step()
    assert judges[1].asked == []
    assert drawn(late.buffer, 2000) == set(range(60))
    deltas: list[list[float]] = [[], []]
    for _ in range(150):
        for driver, found in zip((early, late), deltas, strict=True):
            found.append(driver.buffer.delta)
            driver.step()
    assert deltas[0] == deltas[1]
    assert deltas[1][-1] == 0.5
    asked = [[question.number for question in judge.asked] for judge in judges]
    assert 50 < len(asked[0]) < 100
    assert [number - 60 for number in asked[1]] == asked[0]


def test_the_warm_up_may_end_within_a_step_of_several_environments():
    judge = SlowJudge()
    buffer = SelectiveReplayBuffer(40, SPACE, ACTIONS, "cpu", 4, judge=judge, start=6, decay_steps=10**9)
    for step in range(3):
        all_four = np.repeat(stack(step, 0), 4, axis=0), np.repeat(stack(step + 1, 0), 4, axis=0)
        buffer.add(*all_four, np.zeros((4, 2)), np.ones(4), np.zeros(4), [{}] * 4)
    assert [question.number for question in judge.asked] == [6, 7, 8, 9, 10, 11]


def test_the_same_seed_asks_the_same():
    numbers = []
    for seed in (0, 0, 1):
        judge = SlowJudge()
        driver = Driver(selective(judge, decay_steps=100, seed=seed))
        for _ in range(100):
            driver.step()
        numbers.append([question.number for question in judge.asked])
    assert numbers[0] == numbers[1] != numbers[2]


def test_pending_rejected_and_failed():
    judge = SlowJudge()
    driver = Driver(selective(judge, decay_steps=10**9))  # asks about everything
    for _ in range(4):
        driver.step()
    assert driver.buffer.sampleable == 0
    assert driver.buffer.counts()["pending"] == 4
    with pytest.raises(RuntimeError, match="4 transitions are stored and none is sampleable"):
        driver.buffer.sample(1)
    judge.known = [(2, True), (0, None), (1, False)]
    driver.step()
    assert drawn(driver.buffer) == {0, 2}
    counts = driver.buffer.counts()
    expected = {"asked": 5, "rejected": 1, "failed": 1, "pending": 2, "sampleable": 2}
    assert {key: counts[key] for key in expected} == expected


def test_neighbours_of_a_rejected_transition_keep_their_history():
    judge = SlowJudge()
    driver = Driver(selective(judge, decay_steps=10**9, n_steps=3, gamma=0.5))
    for _ in range(8):
        driver.step()
    judge.known = [(number, number != 4) for number in range(8)]
    driver.step()
    batch = driver.buffer.sample_frames(300)
    for action, frames, next_frames, rewards in zip(
        batch.actions, batch.frames, batch.next_frames, batch.rewards, strict=True
    ):
        step = int(action[0] * 2**12)
        steps = min(3, 9 - step)  # through the rejected one
        np.testing.assert_array_equal(frames, stack(step, 0)[0])
        np.testing.assert_array_equal(next_frames, stack(step + steps, 0)[0])
        assert rewards.item() == 2 - 2.0 ** (1 - steps)


def test_a_verdict_for_an_overwritten_transition_changes_nothing():
    judge = SlowJudge()
    driver = Driver(selective(judge, 4, decay_steps=10**9))
    for _ in range(6):
        driver.step()
    judge.known = [(0, True), (1, False), (5, True)]
    driver.step()
    assert drawn(driver.buffer) == {5}
    counts = driver.buffer.counts()
    assert (counts["rejected"], counts["pending"], counts["sampleable"]) == (0, 3, 1)


def test_a_lost_simulator_is_not_put_to_the_judge():
    judge = SlowJudge()
    driver = Driver(selective(judge, decay_steps=10**9))
    driver.step({"end_reason": "simulator_error"})
    assert judge.asked == []
    assert driver.buffer.sampleable == 0


def test_the_judge_sees_o_t_its_action_and_the_info_that_came_with_it():
    judge = SlowJudge()
    driver = Driver(selective(judge, decay_steps=10**9), length=3)
    for number in range(3):
        driver.step({"gap": float(number), "rewards": {"progress": 1.0}, "end_reason": ""})
    driver.buffer.remember_resets([{"gap": -1.0}])
    driver.step({"gap": 3.0})
    driver.step()
    assert [question.number for question in judge.asked] == [0, 1, 2, 3, 4]
    infos = [question.info for question in judge.asked]
    assert infos[0] is None  # nobody told of the first reset
    assert infos[1:] == [
        {"gap": 0.0, "end_reason": ""},
        {"gap": 1.0, "end_reason": ""},
        {"gap": -1.0},
        {"gap": 3.0},
    ]
    for number, question in enumerate(judge.asked):
        np.testing.assert_array_equal(question.frames, stack(number, number - number % 3)[0])
        np.testing.assert_allclose(question.action, [number / 2**12, 1.0])


def test_an_episode_that_was_left_uses_the_reset_and_not_the_step_before():
    judge = SlowJudge()
    driver = Driver(selective(judge, decay_steps=10**9))
    driver.step({"gap": 1.0})
    driver.buffer.remember_resets([{"gap": 7.0}])
    driver.steps = 50  # other frames: learn() was called again
    driver.step({"gap": 2.0})
    driver.step({"gap": 3.0})
    assert [question.info for question in judge.asked] == [None, {"gap": 7.0}, {"gap": 2.0}]


def test_the_rule_decides_at_once_by_the_info_before():
    driver = Driver(selective("rule", decay_steps=10**9))
    for info in (FAR, CLOSE, CLOSE, FAR):
        driver.step(info)
    driver.step(CLOSE)
    driver.step(FAR, throttle=-1.0)  # brakes
    assert drawn(driver.buffer) == {0, 1, 4, 5}
    assert driver.buffer.counts()["rejected"] == 2


def test_several_environments_count_every_transition():
    judge = SlowJudge()
    buffer = SelectiveReplayBuffer(40, SPACE, ACTIONS, "cpu", 2, judge=judge, decay_steps=10)
    for step in range(10):
        both = np.repeat(stack(step, 0), 2, axis=0), np.repeat(stack(step + 1, 0), 2, axis=0)
        buffer.add(*both, np.zeros((2, 2)), np.ones(2), np.zeros(2), [{"gap": float(env)} for env in (0, 1)])
    assert max(question.number for question in judge.asked) < 10
    later = [question for question in judge.asked if question.number >= 2]
    assert all(question.info == {"gap": float(question.number % 2)} for question in later)


def test_what_is_loaded_goes_on_and_asks_again(tmp_path):
    judges = [SlowJudge(), SlowJudge()]
    drivers = [Driver(selective(judge, 50, decay_steps=100, seed=3)) for judge in judges]
    for step in range(30):
        drivers[0].step({"gap": float(step), "time_to_collision": float("inf")})
    judges[0].known = [(question.number, question.number % 3 != 0) for question in judges[0].asked[:10]]
    drivers[0].step({"gap": 30.0})
    drivers[0].buffer.save(tmp_path)
    json.loads((tmp_path / "manifest.json").read_text())
    drivers[1].buffer.load(tmp_path)
    drivers[1].steps = drivers[0].steps
    assert drivers[0].buffer.counts() == drivers[1].buffer.counts()
    waiting = judges[0].asked[10:]
    assert [question.number for question in judges[1].asked] == [question.number for question in waiting]
    for first, second in zip(waiting, judges[1].asked, strict=True):
        np.testing.assert_array_equal(first.frames, second.frames)
        np.testing.assert_array_equal(first.action, second.action)
        assert first.info == second.info
    for _ in range(20):
        for driver, judge in zip(drivers, judges, strict=True):
            judge.known = [(judge.asked[-1].number, True)]
            driver.step({"gap": 1.0})
    assert judges[0].asked[-1].number == judges[1].asked[-1].number
    assert drivers[0].buffer.counts() == drivers[1].buffer.counts()
    batches = []
    for driver in drivers:
        np.random.seed(1)
        batches.append(driver.buffer.sample_frames(100))
    for first, second in zip(*batches, strict=True):
        np.testing.assert_array_equal(first, second)


def test_no_question_comes_after_delta_has_reached_its_end():
    judge = SlowJudge()
    driver = Driver(selective(judge, 500, decay_steps=100))
    calls = []
    for _ in range(300):
        driver.step()
        calls.append(len(judge.asked))
        judge.known = [(question.number, True) for question in judge.asked]
    assert driver.buffer.delta == 0.5
    assert 50 < calls[99] == calls[-1] < 100
    assert drawn(driver.buffer, 5000) == set(range(300))


def test_a_plain_buffer_refuses_what_a_selective_one_saved(tmp_path):
    driver = Driver(selective("rule"))
    driver.step()
    driver.buffer.save(tmp_path)
    with pytest.raises(ValueError, match="class 'SelectiveReplayBuffer'"):
        FrameReplayBuffer(100, SPACE, ACTIONS, "cpu").load(tmp_path)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="decay_steps must be at least 1, got 0"):
        selective("rule", decay_steps=0)
    with pytest.raises(ValueError, match="start must be at least 0, got -1"):
        selective("rule", start=-1)
    with pytest.raises(ValueError, match="unknown judge 'oracle'; known: endpoint, rule, vlm"):
        selective("oracle")
    with pytest.raises(TypeError, match="typo"):
        selective("rule", typo=1)
    with pytest.raises(ValueError, match="judge_kwargs need a judge's name, got <"):
        selective(SlowJudge(), judge_kwargs={"horizon": 2.0})


def test_a_named_judge_gets_its_arguments():
    assert selective("rule", judge_kwargs={"horizon": 2.0}).judge.horizon == 2.0
