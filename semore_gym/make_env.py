"""An environment with everything that Semore looks at, in one call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym

from semore_gym.masks import MaskConfig, MaskProvider
from semore_gym.wrappers import FrameHistory, ResidualFrames, SemanticMask
from semore_gym.wrappers.semantic_mask import Between


def make_env(
    id: str,
    *,
    masks: str | MaskProvider | None = "oracle",
    mask_options: Mapping[str, Any] | None = None,
    frames: int = 3,
    every: int | None = None,
    between: Between = "none",
    residual: bool = True,
    **kwargs: Any,
) -> gym.Env[Any, Any]:
    """Make an environment that observes frames, residuals and masks.

    Args:
        id: Any registered environment that observes one RGB frame.
        masks: A name, see `semore_gym.masks.make_masks`: "oracle", "none", "vlm:clipseg", ...; a provider; or
            None for no `mask` in the observation. "none" keeps it, all zero, so that a policy trained with
            masks evaluates without.
        mask_options: Settings that go with a name.
        frames: Length of the history, see `FrameHistory`.
        every: Steps from mask to mask, see `SemanticMask`.
        between: What frames between masks get, see `SemanticMask`.
        residual: Whether the observation has a `residual`; no algorithm here reads it, since each makes its
            own from the frames.
        **kwargs: Passed on to `gymnasium.make`. With observation="state" the environment observes numbers,
            see `DrivingEnv`: nothing is wrapped around it, and what is about pictures keeps its default.

    Returns:
        An environment with observations Dict(frames (3k, H, W) uint8, residual (3(k-1), H, W) int16,
        mask (1, H, W) uint8), or with stacked frames alone, (3k, H, W) uint8, where neither of the others is
        wanted; with observation="state" one with observations Box (30,) float32.

    Raises:
        ValueError: If masks are unknown, or something about pictures is asked for with observation="state".

    Example:
        >>> env = make_env("SemoreCarla-HighWay-v0", masks="oracle", image_size=84)
        >>> sorted(env.observation_space)
        ['frames', 'mask', 'residual']
    """
    if kwargs.get("observation") == "state":
        _refuse_pictures(masks=masks, mask_options=mask_options, frames=frames, every=every, between=between)
        return gym.make(id, **kwargs)
    if isinstance(masks, str):  # before there is an environment that would have to be closed
        MaskConfig.parse(masks, mask_options).check()
    elif mask_options:
        raise ValueError(f"mask_options go with a name of masks, got {masks!r}")
    env = gym.make(id, **kwargs)
    try:
        return observe(
            env,
            masks=masks,
            mask_options=mask_options,
            frames=frames,
            every=every,
            between=between,
            residual=residual,
        )
    except BaseException:
        env.close()
        raise


def _refuse_pictures(**given: Any) -> None:
    """Let nothing about pictures pass in silence where none is drawn; the defaults are no wish."""
    defaults = {"masks": ("oracle", None), "mask_options": ({}, None), "frames": (3,)}
    defaults |= {"every": (None,), "between": ("none",)}
    for name, value in given.items():
        if value not in defaults[name]:
            raise ValueError(f'{name} must not be given with observation="state", got {value!r}')


def observe(
    env: gym.Env[Any, Any],
    *,
    masks: str | MaskProvider | None = "oracle",
    mask_options: Mapping[str, Any] | None = None,
    frames: int = 3,
    every: int | None = None,
    between: Between = "none",
    residual: bool = True,
) -> gym.Env[Any, Any]:
    """Wrap an environment that observes one RGB frame so that it observes what `make_env` says.

    Args:
        env: The environment.
        masks: As in `make_env`.
        mask_options: As in `make_env`.
        frames: As in `make_env`.
        every: As in `make_env`.
        between: As in `make_env`.
        residual: As in `make_env`.
    """
    stacked: gym.Env[Any, Any] = FrameHistory(env, frames)
    if residual:
        stacked = ResidualFrames(stacked)
    return stacked if masks is None else SemanticMask(stacked, masks, every, between, mask_options)
