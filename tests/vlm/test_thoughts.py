"""Thoughts and answers."""

from __future__ import annotations

import pytest

from semore_gym.vlm.thoughts import leaves_a_thought_open, without_thoughts


@pytest.mark.parametrize(
    "text",
    [
        "<think>hm</think>car",
        "hm</think>car",
        "<THINKING>hm</THINKING>car",
        "<thought>hm</thought><think>so</think>car",
        "[THINK]hm[/THINK]car",
        "\u25c1think\u25b7hm\u25c1/think\u25b7car",
        "<|begin_of_thought|>hm<|end_of_thought|>car",
        "<seed:think>hm</seed:think>car",
        "<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>car",
        "car",
    ],
)
def test_the_answer_comes_after_the_last_thought(text):
    assert without_thoughts(text) == "car"


@pytest.mark.parametrize(
    "text", ["<think>car", "<think>hm</think>car<think>so", "[THINK]car", "< think >car"]
)
def test_a_thought_without_an_end_is_no_answer(text):
    assert without_thoughts(text) == ""


def test_a_thought_that_the_prompt_has_begun():
    assert leaves_a_thought_open("user: What?\nassistant: <think>\n")
    assert not leaves_a_thought_open("user: What?\nassistant: <think>\n\n</think>\n\n")
    assert not leaves_a_thought_open("user: What does <think> mean?\nassistant:")
    assert without_thoughts("a blue car", begun=True) == ""
    assert without_thoughts("hm</think>car", begun=True) == "car"


def test_lists_are_no_marks():
    for text in ('["red car"]', "[1] car", "<car>", '["a thought"]'):
        assert without_thoughts(text) == text
