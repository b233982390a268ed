"""The knowledge-aware mask of the newest frame."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any, Literal, SupportsFloat, get_args

import gymnasium as gym
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.core import ActType
from gymnasium.utils import RecordConstructorArgs

from semore_gym.masks.base import MaskProvider
from semore_gym.masks.config import make_masks
from semore_gym.wrappers.frames_space import frames_space

Mask = npt.NDArray[np.uint8]
Between = Literal["none", "hold"]

COSTLY_EVERY = 10  # agent steps between masks that cost something (ERPV C.4)
SALT = 0x6D61736B  # keeps a provider's randomness apart from the environment's


class SemanticMask(gym.Wrapper[dict[str, Any], ActType, Any, ActType], RecordConstructorArgs):
    """Adds a mask of the newest frame to the observation.

    The observation becomes a Dict with `mask`, (1, H, W) uint8, beside `frames` (and `residual`, if there
    is one). Zero means that nothing there matters, 255 is certainty. Masks are made at steps 0, `every`,
    2 `every`, ... of an episode; a mask belongs to the frame that it was made from.

    The provider's randomness in an episode depends on the seed s and the episode's number k alone:
    `reset(seed=s)` starts episode 0, `reset()` the next one, `reset(options={"episode": k})` episode k.

    Args:
        env: An environment that observes stacked frames: `FrameHistory`, or `ResidualFrames` on it.
        provider: What makes the masks, or its name, see `semore_gym.masks.make_masks`; with a name, the
            environment's spec can be written as JSON. The wrapper works on a shallow copy of an object, so
            that several environments may be given the same one and share what it holds, a model for example.
        every: Steps from mask to mask; None means the provider's own habit (its attribute `every`), 10
            where it has none.
        between: What the frames between get: "none", a zero mask, or "hold", the last mask made.
        mask_options: Settings that go with a name.

    Raises:
        TypeError: If the environment has no stacked frames or `provider` is not a provider.
        ValueError: If `every` or `between` is not one of the values above, or a name or its settings are
            unknown.

    Example:
        >>> from semore_gym.masks import NoMasks
        >>> from semore_gym.wrappers import FrameHistory
        >>> env = SemanticMask(FrameHistory(gym.make("CarRacing-v3")), NoMasks())
        >>> env.observation_space["mask"].shape
        (1, 96, 96)
    """

    def __init__(
        self,
        env: gym.Env[Any, ActType],
        provider: MaskProvider | str,
        every: int | None = None,
        between: Between = "none",
        mask_options: Mapping[str, Any] | None = None,
    ) -> None:
        # Not deep-copied: a provider may hold a model of many gigabytes.
        RecordConstructorArgs.__init__(
            self,
            _disable_deepcopy=True,
            provider=provider,
            every=every,
            between=between,
            mask_options=mask_options,
        )
        gym.Wrapper.__init__(self, env)
        frames = frames_space("SemanticMask", env.observation_space)
        if isinstance(provider, str):
            provider = make_masks(provider, mask_options, env="" if env.spec is None else env.spec.id)
        elif mask_options:
            raise ValueError(f"mask_options go with a name of masks, got {provider!r}")
        if isinstance(provider, type) or not isinstance(provider, MaskProvider):
            raise TypeError(
                f"provider must be a MaskProvider, an object such as OracleMasks(), got {provider!r}"
            )
        if between not in get_args(Between):
            raise ValueError(f"between must be one of {', '.join(get_args(Between))}, got {between!r}")
        self.provider = copy(provider)
        self.every = getattr(provider, "every", COSTLY_EVERY) if every is None else every
        if isinstance(self.every, bool) or not isinstance(self.every, int) or self.every < 1:
            raise ValueError(f"every must be a positive int, got {self.every!r}")
        self.between = between
        self._shape = (1, *frames.shape[1:])
        self._mask: Mask = np.zeros(self._shape, np.uint8)
        self._step = 0
        self._entropy: int | None = None
        self._episode = 0
        known = dict(env.observation_space) if isinstance(env.observation_space, spaces.Dict) else {}
        mask = spaces.Box(0, 255, self._shape, np.uint8)
        self.observation_space = spaces.Dict({"frames": frames, **known, "mask": mask})

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Start an episode; its first frame gets a mask.

        Args:
            seed: Starts episode 0 of this seed; None goes on to the next episode of the current one.
            options: {"episode": k} chooses episode k. The environment gets all options too.
        """
        observation, info = self.env.reset(seed=seed, options=options)
        self._choose_episode(seed, options or {})
        entropy = np.random.SeedSequence([self._entropy or 0, self._episode, SALT])
        self.provider.reset(self.env, np.random.default_rng(entropy))
        self._step = 0
        return self._masked(observation), info

    def step(self, action: ActType) -> tuple[dict[str, Any], SupportsFloat, bool, bool, dict[str, Any]]:
        """Step the environment; every `every`-th frame gets a mask.

        The info of an episode's last step has what the provider counted, if it counts, as `mask_counts`.
        """
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._step += 1
        if (terminated or truncated) and hasattr(self.provider, "counts"):
            info = {**info, "mask_counts": self.provider.counts()}
        return self._masked(observation), reward, terminated, truncated, info

    def _choose_episode(self, seed: int | None, options: dict[str, Any]) -> None:
        if seed is not None:
            self._entropy, self._episode = seed, 0
        elif self._entropy is None:
            self._entropy, self._episode = np.random.SeedSequence().generate_state(1, np.uint64).item(), 0
        else:
            self._episode += 1
        self._episode = options.get("episode", self._episode)

    def _masked(self, observation: Any) -> dict[str, Any]:
        known = observation if isinstance(observation, dict) else {"frames": observation}
        if self._step % self.every == 0:
            self._mask = self._make(known["frames"][-3:])
        elif self.between == "none":
            self._mask = np.zeros(self._shape, np.uint8)
        return {**known, "mask": self._mask.copy()}

    def _make(self, frame: npt.NDArray[np.uint8]) -> Mask:
        masks: Any = self.provider(frame[np.newaxis])
        if not isinstance(masks, np.ndarray) or masks.shape != (1, *self._shape) or masks.dtype != np.uint8:
            given = f"{masks.dtype} {masks.shape}" if isinstance(masks, np.ndarray) else type(masks).__name__
            raise ValueError(
                f"{type(self.provider).__name__} must return masks of uint8 {(1, *self._shape)}, got {given}"
            )
        mask: Mask = masks[0]
        return mask
