"""Which masks are wanted, as the command line and configs say it, and how they are made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from semore_gym.masks.asynchronous import AsyncMasks
from semore_gym.masks.base import MASKS, MaskProvider
from semore_gym.masks.cached import CachedMasks
from semore_gym.masks.phrasers import PHRASERS
from semore_gym.masks.segmenters import SEGMENTERS
from semore_gym.masks.vlm import FLOOR, LEAST_PEAK, Combine, VLMMasks, check_combination
from semore_gym.scenarios import SCENARIOS
from semore_gym.utils.signatures import check_names, keywords
from semore_gym.vlm.chats import Asking

PHRASER_OF = {"vlm": "qwen", "endpoint": "endpoint"}
GROUPS = ("phraser", "segmenter", "asynchronous")
OWN = ["phrases", "combine", "floor", "least_peak", "cache", "cache_limit", "asynchronous"]
SCENE = re.compile(r"SemoreCarla-(\w+)-v\d+$")

Options = dict[str, Any]


@dataclass(frozen=True)
class MaskConfig:
    """Which masks are wanted; no model is loaded before `make`.

    Attributes:
        spec: The masks' name, see `make_masks`.
        phraser: Name in `PHRASERS` of what names things; None for masks of `MASKS`, which no model makes.
        segmenter: Name in `SEGMENTERS` of what finds the named things; empty where there is no phraser.
        options: Keywords of a class in `MASKS`.
        phraser_options: Keywords of the phraser.
        segmenter_options: Keywords of the segmenter.
        combine: How several phrases become one mask, see `VLMMasks`.
        floor: Probability that is taken off each phrase.
        least_peak: Probability that one must reach.
        cache: Folder where masks are kept; None keeps none.
        cache_limit: How large that folder may become [bytes].
        asynchronous: Whether masks are made beside the training, by `make_asynchronous`.
        asynchronous_options: Keywords of `AsyncMasks`.
    """

    spec: str
    phraser: str | None = None
    segmenter: str = ""
    options: Options = field(default_factory=dict)
    phraser_options: Options = field(default_factory=dict)
    segmenter_options: Options = field(default_factory=dict)
    combine: Combine = "sum"
    floor: float = FLOOR
    least_peak: float = LEAST_PEAK
    cache: str | None = None
    cache_limit: int = 2 << 30
    asynchronous: bool = False
    asynchronous_options: Options = field(default_factory=dict)

    @classmethod
    def parse(cls, spec: str, options: Mapping[str, Any] | None = None) -> MaskConfig:
        """Read a name and its options, see `make_masks`; what needs an import is looked at by `check`.

        Raises:
            ValueError: If an option is unknown or out of its range, or goes with another that is not given.
        """
        options = dict(options or {})
        kind, _, segmenter = spec.partition(":")
        if kind not in PHRASER_OF:
            return cls(spec, options=options)
        own, groups = _grouped(options)
        check_names(f"options of masks {spec}", own, OWN)
        check_names("options of asynchronous masks", groups["asynchronous"], keywords(AsyncMasks))
        _check_values(own, groups)
        phraser, phrases = PHRASER_OF[kind], own.pop("phrases", None)
        if phrases is not None:
            phraser, listed = "fixed", [phrases] if isinstance(phrases, str) else phrases
            groups["phraser"] = {"phrases": listed}
        return cls(
            spec,
            phraser,
            segmenter,
            phraser_options=groups["phraser"],
            segmenter_options=groups["segmenter"],
            asynchronous_options=groups["asynchronous"],
            **own,
        )

    @property
    def uses_models(self) -> bool:
        """Whether large models make the masks."""
        return self.phraser is not None

    def check(self) -> None:
        """Refuse unknown names and keywords, without loading a model.

        Raises:
            ValueError: If there is one.
        """
        if self.phraser is None:
            _check_keywords(f"masks {self.spec}", MASKS.load(self.spec), self.options)
        else:
            _check_keywords(self.segmenter, SEGMENTERS.load(self.segmenter), self.segmenter_options)
            _check_keywords(self.phraser, PHRASERS.load(self.phraser), self.phraser_options)

    def make(self, env: str = "") -> MaskProvider:
        """Make the provider, with its models; arguments and errors are those of `make_masks`."""
        if self.asynchronous:
            raise ValueError(
                "asynchronous masks are written into a replay buffer: give the option to `semore train`, or "
                'use semore_gym.policies.LateMasks, with masks="none" in the environment'
            )
        self.check()
        if self.phraser is None:
            return MASKS.load(self.spec)(**self.options)
        segmenter, options = SEGMENTERS.load(self.segmenter), self.phraser_options
        if self.phraser != "fixed":
            options = {"phrasing": getattr(segmenter, "phrasing", "noun"), **_prompted(options, env)}
        masks: MaskProvider = VLMMasks(
            PHRASERS.load(self.phraser)(**options),
            segmenter(**self.segmenter_options),
            self.combine,
            self.floor,
            self.least_peak,
        )
        return masks if self.cache is None else CachedMasks(masks, self.cache, self.cache_limit)

    def make_asynchronous(self, env: str = "") -> AsyncMasks | None:
        """Make the masks that are made beside the training; None where they are not asynchronous."""
        if not self.asynchronous:
            return None
        self.check()
        return AsyncMasks(partial(replace(self, asynchronous=False).make, env), **self.asynchronous_options)


def make_masks(spec: str, options: Mapping[str, Any] | None = None, env: str = "") -> MaskProvider:
    """Make a mask provider of its name and options.

    Args:
        spec: A name in `semore_gym.masks.MASKS`; or `"vlm:SEGMENTER"`, a vision-language model on this
            machine with a segmenter of `semore_gym.masks.segmenters.SEGMENTERS`; or `"endpoint:SEGMENTER"`,
            a model behind an OpenAI-compatible server.
        options: For a name in `MASKS`, keywords of its class. For a model: `phrases`, a list of fixed phrases
            instead of a model's; `combine`, `floor` and `least_peak`, see `VLMMasks`; `cache`, a folder where
            masks are kept, and `cache_limit`, its size [bytes]; `phraser.KEY` and `segmenter.KEY`, keywords
            of the two classes.
        env: The environment's id; a scenario of this package chooses the phraser's prompt.

    Raises:
        ValueError: If a name is unknown (the known ones are listed), or an option.
    """
    return MaskConfig.parse(spec, options).make(env)


def _grouped(options: Options) -> tuple[Options, dict[str, Options]]:
    """Take options apart into plain ones and, by group, those written GROUP.KEY."""
    own: Options = {}
    groups: dict[str, Options] = {group: {} for group in GROUPS}
    for name, value in options.items():
        group, dot, key = name.partition(".")
        if not dot:
            own[name] = value
        elif group in groups:
            groups[group][key] = value
        else:
            raise ValueError(f"unknown group of option {name!r}; known: {', '.join(GROUPS)}")
    return own, groups


def _check_values(own: Options, groups: dict[str, Options]) -> None:
    if "cache_limit" in own and "cache" not in own:
        raise ValueError("cache_limit needs the option cache, the folder that it limits")
    if "phrases" in own and groups["phraser"]:
        raise ValueError("phrases are fixed: they go with no phraser option")
    check_combination(own.get("combine", "sum"), own.get("floor", FLOOR), own.get("least_peak", LEAST_PEAK))
    if not isinstance(beside := own.get("asynchronous", False), bool):
        raise ValueError(f"asynchronous must be true or false, got {beside!r}")
    if groups["asynchronous"] and not beside:
        raise ValueError(f"asynchronous.{next(iter(groups['asynchronous']))} needs asynchronous=true")


def _check_keywords(name: str, kind: Any, options: Options) -> None:
    check_names(f"options of {name}", options, kind.keywords if isinstance(kind, Asking) else keywords(kind))


def _prompted(options: Options, env: str) -> Options:
    """The phraser's prompt is that of the scenario, where nothing else is asked for."""
    scene = SCENE.search(env)
    prompt = scene[1].lower() if scene and scene[1] in SCENARIOS else "default"
    return {"prompt": prompt, **options}
