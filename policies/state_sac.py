"""SAC from the state: what those that see could learn at best."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy
from torch import Tensor, nn

from semore_gym.policies.encoders.base import Encoder, Inputs
from semore_gym.policies.encoders.networks import Maps
from semore_gym.policies.replay.state import StateReplayBuffer
from semore_gym.policies.replay.transitions import TransitionBuffer
from semore_gym.policies.visual_policy import VisualPolicy
from semore_gym.policies.visual_sac import VisualSAC


class FirstMap(nn.Module):
    """A head that gives the only map as it is."""

    def forward(self, maps: Maps) -> Tensor:
        """Return `maps[0]`."""
        return maps[0]


class StateEncoder(Encoder):
    """No encoder: the features are the state.

    Args:
        shape: (n, 1, 1) for a state of n numbers.
    """

    def __init__(self, shape: tuple[int, int, int]) -> None:
        super().__init__(shape)
        self.features_dim = shape[0]
        self.head = self.make_head()

    def prepare(self, frames: Tensor) -> Inputs:
        """Return ((B, n) float32,)."""
        return (frames.float(),)

    def convolve(self, inputs: Inputs) -> Maps:
        """Return the inputs."""
        return inputs

    def make_head(self) -> nn.Module:
        """Build what takes the state out of the tuple."""
        return FirstMap()


class StatePolicy(VisualPolicy):
    """`VisualPolicy` without an encoder, on a Box (n,)."""

    default_encoder: ClassVar[type[Encoder]] = StateEncoder

    @classmethod
    def observed_shape(cls, space: spaces.Space[Any]) -> tuple[int, ...]:
        """Find the (n,) of the state.

        Raises:
            ValueError: If the space is no Box (n,) of floats.
        """
        if (
            isinstance(space, spaces.Box)
            and len(space.shape) == 1
            and np.issubdtype(space.dtype, np.floating)
        ):
            return space.shape
        raise ValueError(
            f'observation_space must be a Box (n,) of floats, as observation="state" makes it, got {space}'
        )

    def encoder_shape(self) -> tuple[int, int, int]:
        """The state as if it were a picture of one pixel."""
        return *self.observed_shape(self.observation_space), 1, 1  # type: ignore[return-value]


class StateSAC(VisualSAC):
    """SAC from the simulator's state instead of pictures, by the same update (Haarnoja 2018).

    What it learns is a reference for the methods that see: as far as one gets with everything that matters
    known. Only the encoder is missing.

    Args:
        policy: `"StatePolicy"` or a subclass of it.
        env: Environment whose observation is a Box (n,) of floats, about 1 in size, such as that of
            `semore_gym.make_env(id, observation="state")`.
        replay_buffer_class: `StateReplayBuffer` or a subclass.
        **kwargs: Further arguments of `VisualSAC`.

    Example:
        >>> from semore_gym import make_env
        >>> model = StateSAC("StatePolicy", make_env("SemoreCarla-HighWay-v0", observation="state"), seed=0)
        >>> _ = model.learn(100)
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {"StatePolicy": StatePolicy}
    observation: ClassVar[Literal["image", "state"]] = "state"
    buffer_class: ClassVar[type[TransitionBuffer]] = StateReplayBuffer
