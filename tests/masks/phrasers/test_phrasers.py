"""What phrasers make of a chat's answers."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest

from semore_gym.masks.phrasers import PHRASERS, FixedPhrases
from semore_gym.masks.phrasers.chat import ChatPhraser
from semore_gym.masks.phrasers.parsing import read_phrases
from semore_gym.vlm.prompts import load_prompt

FRAMES = np.zeros((4, 3, 8, 8), np.uint8)


class Script:
    """A chat that has its answers by heart."""

    identity = "script"

    def __init__(self, *answers):
        self.answers = answers

    def __call__(self, pictures, prompts, within=None):
        self.prompts = prompts
        return list(self.answers)

    def counts(self):
        return {"asked": 4}


def test_fixed_phrases():
    phraser = FixedPhrases(["car", "van"])
    assert phraser(FRAMES) == [("car", "van")] * 4
    assert phraser.counts() == {}
    assert phraser.identity != FixedPhrases(["car"]).identity
    for phrases in ("car", [], [""], [3]):
        with pytest.raises(ValueError, match="phrases must be a sequence of non-empty strings, got"):
            FixedPhrases(phrases)


def test_a_fixed_phrase_counts_once():
    assert FixedPhrases(["Car", "van", "car", "VAN", "cart", "Car"]).phrases == ("Car", "van", "cart")


def test_answers_that_cannot_be_used_are_counted_and_empty():
    phraser = ChatPhraser(Script('["car"]', "[]", "I cannot say.", None), "highway")
    assert phraser(FRAMES) == [("car",), (), (), ()]
    assert phraser.counts() == {"asked": 4, "unusable": 1, "copied": 0}
    assert phraser.chat.prompts == [phraser.prompt] * 4
    assert phraser.prompt.startswith(load_prompt("highway").split("{")[0])


@pytest.mark.parametrize(
    ("phrasing", "answers"),
    [
        ("noun", ('["car", "Grand piano"]', '["blue kite", "grand piano"]', '["piano", "kite"]', "[]")),
        ("referring", ('["the grand piano on the left"]', '["Nearest blue kite"]', '["grand piano"]', None)),
    ],
)
def test_answers_that_copy_the_example_are_counted(phrasing, answers):
    phraser = ChatPhraser(Script(*answers), "highway", phrasing=phrasing)
    phraser(FRAMES)
    assert phraser.counts()["copied"] == 2
    own = ChatPhraser(Script(*answers), 'Name what you see, like ["grand piano"].', phrasing=phrasing)
    own(FRAMES)
    assert own.counts()["copied"] == 0, "whether a text of one's own gives an example is not known"


@pytest.mark.parametrize("name", ["default", "highway", "jaywalk", "highbeam"])
def test_a_prompt_asks_for_phrases_that_the_segmenter_understands(name):
    noun, referring = (ChatPhraser(Script(), name, phrasing=kind).prompt for kind in ("noun", "referring"))
    assert load_prompt(name).count("{phrasing}") == 1
    assert "noun phrase of one to three words" in noun
    assert "says which" in referring
    for prompt in (noun, referring):
        assert "{" not in prompt
        examples = [read_phrases(found) for found in re.findall(r"\[.*?\]", prompt)]
        assert examples[0] == ()
        assert [len(example) for example in examples] == [0, 2]
        assert not re.search("car|truck|van|pedestrian|lane|light", " ".join(examples[1]))


def test_a_text_of_ones_own_stays_as_it_is_or_has_a_place_for_the_request():
    assert ChatPhraser(Script(), "Name the cars, {as} JSON.", phrasing="referring").prompt == (
        "Name the cars, {as} JSON."
    )
    placed = ChatPhraser(Script(), "Name the cars. {phrasing} Be quick.", phrasing="referring").prompt
    assert placed.startswith("Name the cars. Answer with a JSON list")
    assert placed.endswith(" Be quick.")


def test_the_identity_tells_all_that_decides_the_phrases():
    chat = Script()
    identities = {
        ChatPhraser(chat).identity,
        ChatPhraser(chat, "jaywalk").identity,
        ChatPhraser(chat, limit=3).identity,
        ChatPhraser(chat, max_words=3).identity,
        ChatPhraser(chat, phrasing="referring").identity,
    }
    assert len(identities) == 5


def test_prompts():
    scenarios = ("default", "highway", "jaywalk", "highbeam")
    texts = [load_prompt(name) for name in scenarios]
    assert len(set(texts)) == 4
    assert load_prompt("Name the cars.") == "Name the cars."
    with pytest.raises(ValueError, match=r"prompt must be one of default, highbeam, .* got 'highwy'"):
        ChatPhraser(Script(), "highwy")


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="limit must be a positive number, got 0"):
        ChatPhraser(Script(), limit=0)
    with pytest.raises(ValueError, match="phrasing must be one of noun, referring, got 'verb'"):
        ChatPhraser(Script(), phrasing="verb")


def test_every_name_is_a_class_and_the_table_is_light():
    assert all(callable(PHRASERS.load(name)) for name in PHRASERS)
    code = (
        "import sys, semore_gym.masks.phrasers, semore_gym.judges; "
        "print({'torch', 'transformers', 'openai'} & set(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "set()"
