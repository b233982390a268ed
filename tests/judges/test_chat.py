"""Judges that ask a model: at once, in batches, in the background."""

from __future__ import annotations

import base64
import io
import pickle
import time

import numpy as np
import pytest
from gymnasium import spaces
from PIL import Image

from helpers.chat_server import ChatServer
from semore_gym.judges import Question
from semore_gym.judges.chat import ENDPOINT, ChatJudge
from semore_gym.policies import SelectiveReplayBuffer


def question(number: int, throttle: float = 0.5) -> Question:
    frames = np.full((9, 8, 8), number % 256, np.uint8)
    frames[:6] = 77  # only o_t is shown
    return Question(number, frames, np.array([0.0, throttle], np.float32), None)


class Model:
    """Calls it unreasonable to brake."""

    identity = "model"

    def __init__(self):
        self.batches = []

    def __call__(self, pictures, prompts, within=None):
        self.batches.append([int(picture[0, 0, 0]) for picture in pictures])
        assert all(picture.shape == (3, 8, 8) for picture in pictures)
        return ["unreasonable" if "brake" in prompt.split(".")[1] else "Reasonable." for prompt in prompts]

    def counts(self):
        return {"asked": sum(map(len, self.batches))}


def until_known(judge, wanted: int, seconds: float = 20.0) -> dict[int, bool | None]:
    known: dict[int, bool | None] = {}
    end = time.monotonic() + seconds
    while len(known) < wanted and time.monotonic() < end:
        known |= dict(judge.verdicts())
        time.sleep(0.01)
    return known


def test_questions_gather_to_batches():
    model = Model()
    judge = ChatJudge(model, batch_size=3, patience=100)
    for number in range(7):
        judge.ask(question(number, 0.5 if number % 2 else -0.5))
    assert model.batches == [[0, 1, 2], [3, 4, 5]]
    assert judge.verdicts() == [(0, False), (1, True), (2, False), (3, True), (4, False), (5, True)]
    assert judge.verdicts() == []
    assert judge.counts() == {"asked": 6, "reasonable": 3, "unreasonable": 3, "unusable": 0}


def test_a_few_questions_do_not_wait_for_ever():
    model = Model()
    judge = ChatJudge(model, batch_size=100, patience=5)
    judge.ask(question(1))
    assert [judge.verdicts() for _ in range(5)] == [[], [], [], [], [(1, True)]]
    judge.ask(question(2))
    assert [judge.verdicts() for _ in range(5)] == [[], [], [], [], [(2, True)]]


def test_what_has_no_answer_or_no_verdict_is_none():
    class Mute(Model):
        def __call__(self, pictures, prompts, within=None):
            return [None, "Who knows?"]

    judge = ChatJudge(Mute(), batch_size=2)
    judge.ask(question(0))
    judge.ask(question(1))
    assert judge.verdicts() == [(0, None), (1, None)]
    assert judge.counts()["unusable"] == 1


def by_throttle(body: dict) -> str:
    """What the server answers: its picture's grey, 7, is unreasonable."""
    picture, text = body["messages"][0]["content"]
    assert "accelerate moderately, keep straight" in text["text"]
    image = Image.open(io.BytesIO(base64.b64decode(picture["image_url"]["url"].split(",")[1])))
    return "unreasonable" if image.getpixel((0, 0))[0] == 7 else "reasonable"


@pytest.mark.parametrize("stream", [False, True])
def test_an_endpoint_judges_while_the_asker_goes_on(stream):
    with ChatServer(by_throttle) as server:
        server.delay = 0.3
        judge = ENDPOINT(model="any", base_url=server.url, batch_size=4, stream=stream)
        for number in range(4, 12):
            judge.ask(question(number))
        assert judge.verdicts() == []  # asking took no time that the server takes
        assert until_known(judge, 8) == {number: number != 7 for number in range(4, 12)}


def test_a_server_that_hangs_costs_no_more_than_the_deadline():
    with ChatServer("reasonable") as server:
        server.always = "slow"
        judge = ENDPOINT(model="any", base_url=server.url, batch_size=2, deadline=0.5)
        for number in range(10):
            judge.ask(question(number))
        assert until_known(judge, 10) == dict.fromkeys(range(10))
        assert len(server.requests) <= 4  # batches whose turn comes too late are not asked
        server.always = None
        judge.ask(question(20))
        judge.ask(question(21))
        assert until_known(judge, 2) == {20: True, 21: True}


@pytest.mark.parametrize("fault", ["error", "reset", "invalid", "schema", "huge", "denied"])
def test_a_broken_server_leaves_no_question_without_an_answer(fault):
    with ChatServer("reasonable") as server:
        server.always = fault
        judge = ENDPOINT(model="any", base_url=server.url, batch_size=2, deadline=1.0, retries=1)
        judge.ask(question(0))
        judge.ask(question(1))
        assert until_known(judge, 2) == {0: None, 1: None}


def test_a_buffer_asks_an_endpoint_by_name_and_only_while_delta_is_high():
    space = spaces.Dict(
        frames=spaces.Box(0, 255, (9, 8, 8), np.uint8), mask=spaces.Box(0, 255, (1, 8, 8), np.uint8)
    )
    options = {"base_url": "", "batch_size": 8, "patience": 2}
    with ChatServer("unreasonable") as server:
        options["base_url"] = server.url
        buffer = SelectiveReplayBuffer(
            200, space, spaces.Box(-1, 1, (2,)), "cpu", judge="endpoint", judge_kwargs=options, decay_steps=40
        )
        for step in range(100):
            before = stacked(step), stacked(step + 1)
            buffer.add(*before, np.array([[0.1, 0.5]], np.float32), np.ones(1), np.zeros(1, bool), [{}])
            end = time.monotonic() + 20
            while step >= 40 and buffer.counts()["pending"] and time.monotonic() < end:
                buffer._hear()
        counts = buffer.counts()
        assert counts["pending"] == counts["failed"] == 0
        assert len(server.requests) == counts["asked"] == counts["rejected"] < 40


def stacked(step: int) -> dict[str, np.ndarray]:
    frames = [np.full((3, 8, 8), max(0, i), np.uint8) for i in (step - 2, step - 1, step)]
    return {"frames": np.concatenate(frames)[None], "mask": np.zeros((1, 1, 8, 8), np.uint8)}


def test_a_copy_begins_with_the_settings_and_without_questions():
    judge = ENDPOINT(model="any", base_url="http://127.0.0.1:9/v1", batch_size=5, patience=7)
    judge.ask(question(0))
    copy = pickle.loads(pickle.dumps(judge))
    assert (copy.batch_size, copy.patience, copy.chat.identity) == (5, 7, judge.chat.identity)
    assert [copy.verdicts() for _ in range(8)] == [[]] * 8


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="patience must be a positive number, got 0"):
        ChatJudge(Model(), patience=0)
    with pytest.raises(ValueError, match="deadline must be a positive number, got -1"):
        ChatJudge(Model(), deadline=-1)
    with pytest.raises(ValueError, match=r"prompt must have \{action\} where"):
        ChatJudge(Model(), "Is it reasonable?")
