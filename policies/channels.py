"""Which axis of frames holds their channels: Stable-Baselines3 takes the shortest one."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.vec_env import VecEnv, VecTransposeImage, is_vecenv_wrapped

from semore_gym.policies.observations import acted_on
from semore_gym.wrappers import FrameHistory

LEAST_SIDE = 16  # [px]; a shorter axis is no side of a picture
WRAPPER = "stable_baselines3.common.vec_env.VecTransposeImage"


def keep_channels_first(env: VecEnv) -> VecEnv:
    """Keep Stable-Baselines3 from transposing stacked frames that have more channels than a side has pixels.

    Args:
        env: The environments; those whose pictures are channels last, such as (96, 96, 3), stay as they are.

    Raises:
        ValueError: If the frames may be channels first or last.
    """
    space = acted_on(env.observation_space)
    if is_vecenv_wrapped(env, VecTransposeImage) or not is_image_space(space):
        return env
    shape = space.shape
    if not _taken_for_channels_last(shape) or shape[2] < LEAST_SIDE or shape[0] % 3:
        return env
    either = np.argmin(shape) == 2 and shape[2] % 3 == 0 and not _told(env.observation_space, shape)
    if either and not all(env.env_is_wrapped(FrameHistory)):
        raise ValueError(
            f"frames of shape {shape} may be channels first or last: make them by "
            f"semore_gym.wrappers.FrameHistory, or wrap the vectorised environment in {WRAPPER}, with "
            "skip=True where they are channels first"
        )
    return VecTransposeImage(env, skip=True)


def check_not_transposed(space: spaces.Space[Any], frames: int | None) -> None:
    """Refuse stacked frames that Stable-Baselines3 may have taken for channels last.

    Args:
        space: The observation space, of frames or a Dict with them.
        frames: The k that is wanted; None if nobody says.

    Raises:
        ValueError: If there are not 3k channels, or if nobody says and the axes may have been exchanged.
    """
    shape: tuple[int, ...] = acted_on(space).shape or ()
    if len(shape) != 3 or frames == shape[0] / 3 or (frames is None and _told(space, shape)):
        return
    remedy = f"wrap the vectorised environment in {WRAPPER}(env, skip=True) before the algorithm does"
    if frames is not None:
        raise ValueError(
            f"frames={frames} must be a third of the channels in {shape}; if Stable-Baselines3 has "
            f"transposed the frames, {remedy}"
        )
    before = (*shape[1:], shape[0])
    if shape[1] % 3 == 0 and min(before[1:]) >= LEAST_SIDE and _taken_for_channels_last(before):
        raise ValueError(
            f"frames of shape {shape} look like {shape[1] // 3} frames {before} that Stable-Baselines3 has "
            f"transposed, taking the shortest axis for the channels: {remedy}, and say so by "
            f"features_extractor_kwargs={{'frames': {shape[1] // 3}}}; if they are {shape[0] // 3} frames, "
            "say that"
        )


def _taken_for_channels_last(shape: tuple[int, ...]) -> bool:
    return bool(np.argmin(shape) != 0)


def _told(space: spaces.Space[Any], shape: tuple[int, ...]) -> bool:
    """Whether a residual or a mask beside the frames tells that they are channels first."""
    if not isinstance(space, spaces.Dict):
        return False
    fitting = {"residual": (shape[0] - 3, *shape[1:]), "mask": (1, *shape[1:])}
    return any(name in space.spaces and space[name].shape == size for name, size in fitting.items())
