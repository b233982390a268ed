"""Semore's encoder as a features extractor for Stable-Baselines3's own algorithms."""

from __future__ import annotations

from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.type_aliases import PyTorchObs
from torch import Tensor

from semore_gym.policies.channels import check_not_transposed
from semore_gym.policies.encoders.base import PAPER_CHANNELS
from semore_gym.policies.encoders.dual_stream import DualStreamEncoder
from semore_gym.policies.visual_policy import frames_shape


class SemoreExtractor(BaseFeaturesExtractor):
    """The dual-stream encoder as SB3's `features_extractor_class`.

    Works with SAC, TD3, DDPG, TQC, PPO, A2C and TRPO as "MultiInputPolicy" on Dict(frames, residual, mask) or
    "CnnPolicy" on a stacked image, with RecurrentPPO as the same with "Lstm" before "Policy", and with CrossQ
    as "MlpPolicy" on a stacked image. The motion stream's input is made from
    the frames, (o_{i+1} - o_i) / 255, so a `residual` in the observation is not read.

    Args:
        observation_space: Box (3k, H, W) uint8, k at least 2, or a Dict with it as `frames`.
        guided: Whether the interaction's keys come from `mask` where there is one. The mask then matters for
            acting too, since these algorithms have one path for acting and training.
        channels: Channels of the convolutions of each stream.
        first_kernel: Side of the first kernel.
        stream_dim: Length of each stream's feature vector.
        frames: k. To be given where it is so large that Stable-Baselines3, which takes the shortest axis for
            the channels, may have transposed the frames.

    Raises:
        ValueError: If there are no stacked frames, they may have been transposed, or a mask is wanted and
            missing.

    Example:
        >>> import numpy as np
        >>> images = spaces.Box(0, 255, (9, 64, 64), np.uint8)
        >>> SemoreExtractor(images, channels=(8, 8, 8, 8)).features_dim
        100
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        guided: bool = False,
        channels: tuple[int, ...] = PAPER_CHANNELS,
        first_kernel: int = 3,
        stream_dim: int = 50,
        frames: int | None = None,
    ) -> None:
        check_not_transposed(observation_space, frames)
        encoder = DualStreamEncoder(frames_shape(observation_space), channels, first_kernel, stream_dim)
        if guided and not (isinstance(observation_space, spaces.Dict) and "mask" in observation_space.spaces):
            raise ValueError(
                f"observation_space must have a 'mask' where guided=True, got {observation_space}; "
                "wrap the environment in semore_gym.wrappers.SemanticMask"
            )
        super().__init__(observation_space, features_dim=encoder.features_dim)
        # PPO and its kin draw the weights anew, by a function that takes contiguous ones only
        self.encoder = encoder.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        self.guided = guided
        self._scale_seen = False

    def forward(self, observations: PyTorchObs) -> Tensor:
        """Encode observations.

        Args:
            observations: Frames (B, 3k, H, W) uint8, or float in [0, 1]; or a Dict with them.

        Returns:
            (B, features_dim) float32.
        """
        frames = observations["frames"] if isinstance(observations, dict) else observations
        self._check_scale(frames)
        if not self.guided:
            return self.encoder(frames)  # type: ignore[no-any-return]
        assert isinstance(observations, dict)
        maps = self.encoder.convolve(self.encoder.prepare(frames))
        keys = self.encoder.guidance(maps[0], observations["mask"]).keys
        return self.encoder.head(self.encoder.mix(maps, keys))  # type: ignore[no-any-return]

    def _check_scale(self, frames: Tensor) -> None:
        # once: SB3 hands over unscaled floats where it was told normalize_images=False
        if not self._scale_seen and frames.is_floating_point() and bool((frames > 1).any()):
            raise ValueError("images must be uint8 or in [0, 1], got larger; keep normalize_images=True")
        self._scale_seen = True
