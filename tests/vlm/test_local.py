"""LocalChat and what is built on it, with models built here."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText

from helpers.tiny_chat import save_idefics, save_qwen
from semore_gym.judges import JUDGES, Question
from semore_gym.masks.phrasers import PHRASERS
from semore_gym.vlm.local import LocalChat

FRAMES = np.random.default_rng(0).integers(0, 256, (5, 3, 30, 40), np.uint8)
PROMPTS = ["What?", "What is to be seen in this picture, if anything?", "Cars", "?", "Who goes there?"]
SMALL = {"device": "cpu", "dtype": "float32", "max_new_tokens": 12, "enlarge": 1}


@pytest.fixture(scope="module", params=[save_qwen, save_idefics], ids=["qwen2_vl", "idefics3"])
def folder(request, tmp_path_factory):
    return request.param(tmp_path_factory.mktemp("model"))


def test_answers_in_a_batch_are_those_one_by_one(folder):
    alone = LocalChat(str(folder), batch_size=1, **SMALL)
    together = LocalChat(str(folder), batch_size=4, **SMALL)
    answers = alone(FRAMES, PROMPTS)
    assert together(FRAMES, PROMPTS) == answers
    assert len(set(answers)) == 5
    counts = together.counts()
    assert counts.pop("seconds") > 0
    assert counts == {"asked": 5, "answered": 5, "failed": 0, "retries": 0}


def test_the_picture_matters(folder):
    chat = LocalChat(str(folder), **SMALL)
    assert len(set(chat(FRAMES, ["What?"] * 5))) > 1
    assert len(set(chat(np.repeat(FRAMES[:1], 5, axis=0), ["What?"] * 5))) == 1


def test_the_answer_is_the_likeliest_token_after_the_question(folder):
    """One greedy step by hand, the question written out."""
    chat = LocalChat(str(folder), **{**SMALL, "max_new_tokens": 1})
    (answer,) = chat(FRAMES[:1], ["Hello"])
    processor = chat._processor
    mark = (
        "<image>" if "Idefics3" in type(processor).__name__ else "<|vision_start|><|image_pad|><|vision_end|>"
    )
    inputs = processor(
        images=[[Image.fromarray(FRAMES[0].transpose(1, 2, 0))]],
        text=[f"<start>user\n{mark}Hello<end>\n<start>assistant\n"],
        return_tensors="pt",
    )
    with torch.inference_mode():
        logits = AutoModelForImageTextToText.from_pretrained(folder).eval()(**inputs).logits
    assert answer == processor.tokenizer.decode(logits[0, -1].argmax(), skip_special_tokens=True)


def test_a_phraser_and_a_judge(folder):
    phraser = PHRASERS.load("qwen")(model=str(folder), prompt="highway", **SMALL)
    phrases = phraser(FRAMES)
    assert len(phrases) == 5
    assert phraser.counts()["asked"] == 5
    judge = JUDGES.load("vlm")(model=str(folder), batch_size=2, **SMALL)
    for number in range(2):
        judge.ask(Question(number, FRAMES[0], np.zeros(2, np.float32), None))
    assert [number for number, _ in judge.verdicts()] == [0, 1]


def test_the_identity_tells_models_and_settings_apart(folder):
    identities = {
        LocalChat(str(folder), **SMALL).identity,
        LocalChat(str(folder), **{**SMALL, "dtype": "bfloat16"}).identity,
        LocalChat(str(folder), **{**SMALL, "enlarge": 2}).identity,
        LocalChat(str(folder), **{**SMALL, "max_new_tokens": 3}).identity,
    }
    assert len(identities) == 4


def test_a_model_spread_by_accelerate_answers_the_same(folder):
    spread = LocalChat(str(folder), device_map={"": "cpu"}, dtype="float32", max_new_tokens=12, enlarge=1)
    assert spread(FRAMES, PROMPTS) == LocalChat(str(folder), **SMALL)(FRAMES, PROMPTS)


def test_what_is_missing_is_named(folder):
    with pytest.raises(FileNotFoundError, match="hf download nobody/nothing"):
        LocalChat("nobody/nothing", local_files_only=True)
    if find_spec("bitsandbytes") is None:
        with pytest.raises(ModuleNotFoundError, match="pip install bitsandbytes"):
            LocalChat(str(folder), quantization="4bit")


def test_wrong_arguments_are_named(folder):
    with pytest.raises(ValueError, match="quantization must be None, '4bit' or '8bit', got '2bit'"):
        LocalChat(str(folder), quantization="2bit")
    with pytest.raises(ValueError, match="batch_size must be a positive number, got 0"):
        LocalChat(str(folder), batch_size=0)
    with pytest.raises(ValueError, match="dtype must be one of"):
        LocalChat(str(folder), dtype="int8")
