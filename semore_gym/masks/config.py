"""Mask providers by name, as the command line and configs have them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from functools import partial
from typing import Any, get_args

from semore_gym.config import check_names
from semore_gym.masks import MASKS
from semore_gym.masks.asynchronous import AsyncMasks
from semore_gym.masks.base import MaskProvider
from semore_gym.masks.cached import CachedMasks
from semore_gym.masks.phrasers import PHRASERS, FixedPhrases, Phraser
from semore_gym.masks.segmenters import SEGMENTERS
from semore_gym.masks.vlm import Combine, VLMMasks
from semore_gym.registry import Registry
from semore_gym.scenarios import SCENARIOS

PHRASER_OF = {"vlm": "qwen", "endpoint": "endpoint"}
CHATS: Registry[object] = Registry(
    "chat",
    {
        "vlm": "semore_gym.vlm.local:LocalChat",
        "endpoint": "semore_gym.vlm.endpoint:EndpointChat",
    },
)  # what a phraser hands its further keywords to
GROUPS = ("phraser", "segmenter", "asynchronous")
OWN = ["phrases", "combine", "cache", "cache_limit", "asynchronous"]
SCENE = re.compile(r"SemoreCarla-(\w+)-v\d+$")


def make_masks(spec: str, options: Mapping[str, Any] | None = None, env: str = "") -> MaskProvider:
    """Make a mask provider of its name and options.

    Args:
        spec: A name in `semore_gym.masks.MASKS`; or `"vlm:SEGMENTER"`, a vision-language model on this
            machine with a segmenter of `semore_gym.masks.segmenters.SEGMENTERS`; or `"endpoint:SEGMENTER"`,
            a model behind an OpenAI-compatible server.
        options: For a name in `MASKS`, keywords of its class. For a model: `phrases`, a list of fixed phrases
            instead of a model's; `combine`, see `VLMMasks`; `cache`, a folder where masks are kept, and
            `cache_limit`, its size [bytes]; `phraser.KEY` and `segmenter.KEY`, keywords of the two classes.
        env: The environment's id; a scenario of this package chooses the phraser's prompt.

    Raises:
        ValueError: If a name is unknown (the known ones are listed), or an option.
    """
    options = dict(options or {})
    check_masks(spec, options)
    if is_asynchronous(options):
        raise ValueError(
            "asynchronous masks are written into a replay buffer: give the option to `semore train`, or use "
            'semore_gym.policies.LateMasks, with masks="none" in the environment'
        )
    if not uses_models(spec):
        return MASKS.load(spec)(**options)
    kind, _, segmenter = spec.partition(":")
    own, groups = grouped(options)
    masks: MaskProvider = VLMMasks(
        _make_phraser(kind, own.get("phrases"), groups["phraser"], env),
        SEGMENTERS.load(segmenter)(**groups["segmenter"]),
        own.get("combine", "sum"),
    )
    if "cache" in own:
        masks = CachedMasks(masks, own["cache"], own.get("cache_limit", 2 << 30))
    return masks


def late_masks(spec: str, options: Mapping[str, Any], env: str) -> AsyncMasks | None:
    """Start the worker process of masks whose options say `asynchronous=true`; None where they do not.

    Args:
        spec: See `make_masks`.
        options: See `make_masks`, and `asynchronous.KEY`, keywords of `AsyncMasks`.
        env: See `make_masks`.

    Raises:
        ValueError: If a name or an option is unknown.
    """
    check_masks(spec, options)
    if not is_asynchronous(options):
        return None
    if not uses_models(spec):
        raise ValueError(f"asynchronous masks are made of frames alone, by models; {spec} is none")
    own = {name: value for name, value in options.items() if not name.startswith("asynchronous")}
    return AsyncMasks(partial(make_masks, spec, own, env), **grouped(options)[1]["asynchronous"])


def is_asynchronous(options: Mapping[str, Any]) -> bool:
    """Whether masks are made beside the training."""
    return bool(options.get("asynchronous", False))


def uses_models(spec: str) -> bool:
    """Whether masks of this name are made by large models."""
    return spec.partition(":")[0] in PHRASER_OF


def without_models(spec: str) -> str:
    """The same masks where they cost little, else "none": for where nothing is learnt."""
    return "none" if uses_models(spec) else spec


def check_masks(spec: str, options: Mapping[str, Any]) -> None:
    """Refuse unknown names and options, without loading a model.

    Raises:
        ValueError: If there is one.
    """
    if not uses_models(spec):
        _check_keywords(f"masks {spec}", MASKS.load(spec), options)
        return
    kind, _, segmenter = spec.partition(":")
    own, groups = grouped(options)
    check_names(f"options of masks {spec}", own, OWN)
    if "cache_limit" in own and "cache" not in own:
        raise ValueError("cache_limit needs the option cache, the folder that it limits")
    if "phrases" in own and groups["phraser"]:
        raise ValueError("phrases are fixed: they go with no phraser option")
    if "combine" in own and own["combine"] not in get_args(Combine):
        raise ValueError(f"combine must be one of {', '.join(get_args(Combine))}, got {own['combine']!r}")
    _check_keywords(segmenter, SEGMENTERS.load(segmenter), groups["segmenter"])
    _check_keywords(PHRASER_OF[kind], PHRASERS.load(PHRASER_OF[kind]), groups["phraser"], CHATS.load(kind))
    _check_keywords("asynchronous masks", AsyncMasks, groups["asynchronous"])


def grouped(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Take options apart into plain ones and, by group, those written GROUP.KEY.

    Raises:
        ValueError: If there is another group.
    """
    own: dict[str, Any] = {}
    groups: dict[str, dict[str, Any]] = {group: {} for group in GROUPS}
    for name, value in options.items():
        group, dot, key = name.partition(".")
        if not dot:
            own[name] = value
        elif group in groups:
            groups[group][key] = value
        else:
            raise ValueError(f"unknown group of option {name!r}; known: {', '.join(GROUPS)}")
    return own, groups


def _make_phraser(kind: str, phrases: Any, options: dict[str, Any], env: str) -> Phraser:
    if phrases is not None:
        return FixedPhrases([phrases] if isinstance(phrases, str) else phrases)
    scene = SCENE.search(env)
    prompt = scene[1].lower() if scene and scene[1] in SCENARIOS else "default"
    return PHRASERS.load(PHRASER_OF[kind])(**{"prompt": prompt, **options})


def _check_keywords(name: str, kind: type[Any], options: Mapping[str, Any], *further: type[Any]) -> None:
    known: dict[str, None] = {}
    for each in (kind, *further):
        if each.__init__ is not object.__init__:
            parameters = inspect.signature(each).parameters.values()
            known |= {item.name: None for item in parameters if item.kind is not item.VAR_KEYWORD}
    check_names(f"options of {name}", options, list(known))
