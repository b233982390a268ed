import numpy as np
import pytest

import semore_gym
from helpers.providers import Lines
from helpers.tiny_models import save_clipseg
from semore_gym.masks import MASKS, CachedMasks, MaskConfig, OracleMasks, VLMMasks, make_masks
from semore_gym.masks.segmenters import SEGMENTERS


@pytest.fixture(scope="module")
def clipseg(tmp_path_factory):
    return str(save_clipseg(tmp_path_factory.mktemp("clipseg")))


def test_a_name_and_options_make_a_provider():
    masks = make_masks("oracle", {"missed": 0.25, "lane_marks": True})
    assert isinstance(masks, OracleMasks)
    assert masks.missed == 0.25


def test_fixed_phrases_and_a_segmenter_make_masks_that_are_kept(clipseg, tmp_path):
    options = {
        "phrases": ["car", "a lamp"],
        "combine": "max",
        "cache": str(tmp_path / "cache"),
        "segmenter.model": clipseg,
        "segmenter.device": "cpu",
    }
    masks = make_masks("vlm:clipseg", options)
    assert isinstance(masks, CachedMasks)
    assert isinstance(masks.provider, VLMMasks)
    assert masks.provider.combine == "max"
    env = semore_gym.make_env(
        "SemoreCarla-HighWay-v0", masks="vlm:clipseg", mask_options=options, image_size=48
    )
    frames = env.reset(seed=0)[0]["frames"][np.newaxis, -3:]
    assert env.step(np.zeros(2, np.float32))[0]["mask"].max() == 0, "a mask is made at every tenth step"
    env.close()
    before = masks.counts()["cache_hits"]
    assert masks(frames).shape == (1, 1, 48, 48)
    assert masks.counts()["cache_hits"] == before + 1, "the environment has put it there"


class Pointing(Lines):
    phrasing = "referring"


@pytest.mark.parametrize(
    ("segmenter", "options", "asked"),
    [
        ("helpers.providers:Lines", {}, "noun phrase of one to three words"),
        (f"{__name__}:Pointing", {}, "referring expression"),
        (f"{__name__}:Pointing", {"phraser.phrasing": "noun"}, "noun phrase of one to three words"),
        (f"{__name__}:Pointing", {"phraser.prompt": "Name all cars."}, "Name all cars."),
    ],
)
def test_the_segmenter_chooses_how_phrases_are_asked_for(segmenter, options, asked, monkeypatch):
    monkeypatch.setitem(SEGMENTERS._entries, "mine", segmenter)
    masks = make_masks("endpoint:mine", options, "SemoreCarla-JayWalk-v0")
    assert asked in masks.phraser.prompt
    assert ("people may step onto the road" in masks.phraser.prompt) == ("phraser.prompt" not in options)
    kinds = {name: SEGMENTERS.load(name).phrasing for name in ("clipseg", "sam3", "cris")}
    assert kinds == {"clipseg": "noun", "sam3": "noun", "cris": "referring"}


@pytest.mark.parametrize(
    ("spec", "options", "message"),
    [
        ("no-such", {}, "unknown masks 'no-such'; known: learned, none, oracle"),
        ("vlm:yolo", {}, "unknown segmenter 'yolo'; known: clipseg, cris, sam3"),
        ("vlm:clipseg", {"phrase": ["car"]}, "unknown options of masks vlm:clipseg: phrase; known: phrases"),
        ("vlm:clipseg", {"phraser.temper": 1}, "unknown options of qwen: temper; known: model, prompt"),
        ("endpoint:clipseg", {"phraser.temper": 1}, "unknown options of endpoint: temper; known: .*base_url"),
        ("vlm:clipseg", {"segmenter.size": 1}, "unknown options of clipseg: size; known: model, revision"),
        ("vlm:clipseg", {"speaker.size": 1}, "unknown group of option 'speaker.size'; known: phraser"),
        ("vlm:clipseg", {"cache_limit": 1 << 20}, "cache_limit needs the option cache"),
        ("vlm:clipseg", {"combine": "mean"}, "combine must be one of sum, max, normalised, got 'mean'"),
        ("vlm:clipseg", {"phrases": ["car"], "phraser.model": "x"}, "phrases are fixed"),
        ("vlm:clipseg", {"asynchronous": True}, "asynchronous masks are written into a replay buffer"),
        ("vlm:clipseg", {"asynchronous": "yes"}, "asynchronous must be true or false, got 'yes'"),
        ("vlm:clipseg", {"asynchronous.dead": 1}, "unknown options of asynchronous masks: dead"),
        ("vlm:clipseg", {"asynchronous.waiting": 9}, "asynchronous.waiting needs asynchronous=true"),
        (
            "oracle",
            {"mised": 0.2},
            "unknown options of masks oracle: mised; known: classes, lane_marks",
        ),
        ("none", {"missed": 0.2}, "unknown options of masks none: missed"),
    ],
)
def test_what_is_unknown_is_refused_before_anything_is_loaded(spec, options, message):
    with pytest.raises(ValueError, match=message):
        make_masks(spec, options)


def test_options_go_with_a_name():
    with pytest.raises(ValueError, match="mask_options go with a name of masks"):
        semore_gym.make_env("SemoreCarla-HighWay-v0", masks=OracleMasks(), mask_options={"missed": 0.1})


def test_options_are_read_once_into_their_parts():
    options = {
        "phraser.model": "x",
        "segmenter.device": "cpu",
        "asynchronous": True,
        "asynchronous.waiting": 9,
    }
    config = MaskConfig.parse("endpoint:sam3", {**options, "cache": "masks", "combine": "max"})
    assert (config.phraser, config.phraser_options) == ("endpoint", {"model": "x"})
    assert (config.segmenter, config.segmenter_options) == ("sam3", {"device": "cpu"})
    assert (config.cache, config.cache_limit, config.combine) == ("masks", 2 << 30, "max")
    assert (config.asynchronous, config.asynchronous_options) == (True, {"waiting": 9})
    fixed = MaskConfig.parse("vlm:clipseg", {"phrases": "car"})
    assert (fixed.phraser, fixed.phraser_options) == ("fixed", {"phrases": ["car"]})
    assert config.uses_models
    assert not any(MaskConfig.parse(name).uses_models for name in MASKS)


def test_only_models_work_beside_the_training():
    assert MaskConfig.parse("vlm:clipseg", {"phrases": ["car"]}).make_asynchronous() is None
    with pytest.raises(ValueError, match="unknown options of masks oracle: asynchronous"):
        make_masks("oracle", {"asynchronous": True})


def test_every_known_combination_is_accepted():
    for kind in ("vlm", "endpoint"):
        for segmenter in ("clipseg", "sam3", "cris"):
            MaskConfig.parse(
                f"{kind}:{segmenter}", {"asynchronous": True, "asynchronous.deadline": 5}
            ).check()
