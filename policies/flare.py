"""Flare: frames encoded one by one, their latents fused with the latents' differences (Shang 2021)."""

from __future__ import annotations

from typing import ClassVar

import torch
from stable_baselines3.common.policies import BasePolicy
from torch import Tensor, nn

from semore_gym.policies.encoders.base import PAPER_CHANNELS, Encoder, Inputs, require_history
from semore_gym.policies.encoders.networks import Maps, StreamHeads, convolutions, initialise, map_shape
from semore_gym.policies.visual_policy import VisualPolicy
from semore_gym.policies.visual_sac import VisualSAC


class FlareEncoder(Encoder):
    """One stream for each frame, all with the same weights, and their temporal differences.

    With z_i the flattened map of frame i, oldest first,
    f = LayerNorm(Linear([z_2, ..., z_k, z_2 - sg(z_1), ..., z_k - sg(z_{k-1})])).

    As in the authors' code, the oldest latent enters by its difference only and the subtracted latent is a
    constant. Left out is the tanh after LayerNorm, which no encoder here has.

    Args:
        frames_shape: (3k, H, W) of the stacked frames, k at least 2.
        channels: Channels of the convolutions.
        first_kernel: Side of the first kernel.
        stream_dim: Length of the feature vector.

    Attributes:
        features_dim: Length of the feature vector.
        map_shape: (C, h, w) of a frame's map.

    Example:
        >>> encoder = FlareEncoder((9, 84, 84), channels=(32, 32, 32, 32))
        >>> encoder(torch.zeros(2, 9, 84, 84, dtype=torch.uint8)).shape
        torch.Size([2, 50])
    """

    def __init__(
        self,
        frames_shape: tuple[int, int, int],
        channels: tuple[int, ...] = PAPER_CHANNELS,
        first_kernel: int = 3,
        stream_dim: int = 50,
    ) -> None:
        super().__init__(frames_shape)
        require_history(frames_shape)
        self.frames = frames_shape[0] // 3
        self.stem = convolutions(3, channels, first_kernel)
        self.map_shape = map_shape(self.stem, (3, *frames_shape[1:]))
        self.features_dim = stream_dim
        self.head = self.make_head()
        initialise(self)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def prepare(self, frames: Tensor) -> Inputs:
        """Scale frames and fold them into the batch: ((B * k, 3, H, W) float32,)."""
        return super().prepare(frames.reshape(-1, 3, *frames.shape[2:]))

    def convolve(self, inputs: Inputs) -> Maps:
        """Return the k frames' maps, oldest first, each (B, C, h, w) float32."""
        return self.stem(inputs[0]).unflatten(0, (-1, self.frames)).unbind(1)  # type: ignore[no-any-return]

    def mix(self, maps: Maps) -> Maps:
        """Return the k - 1 newer maps and their differences as one map of 2 (k - 1) C channels."""
        newer = torch.cat(maps[1:], dim=1)
        older = torch.cat(maps[:-1], dim=1).detach()
        return (torch.cat([newer, newer - older], dim=1),)

    def make_head(self) -> nn.Module:
        """Build a Linear and a LayerNorm on what `mix` returns."""
        depth, height, width = self.map_shape
        return StreamHeads([(2 * (self.frames - 1) * depth, height, width)], self.features_dim)


class FlarePolicy(VisualPolicy):
    """`VisualPolicy` on Flare's encoder."""

    default_encoder: ClassVar[type[Encoder]] = FlareEncoder


class Flare(VisualSAC):
    """VisualSAC that encodes each frame alone and fuses the latents with their differences (Shang 2021).

    The encoder is all that differs.

    The paper's agent for the DeepMind Control suite is RAD's: its frames are moved about at random on a
    larger canvas (translate, 100 to 108 pixels). Here frames stay as they are and the further
    hyper-parameters are those of all methods, so that the architecture alone is compared.

    Example:
        >>> from semore_gym import make_env
        >>> model = Flare("FlarePolicy", make_env("SemoreCarla-HighWay-v0", image_size=84), seed=0)
        >>> _ = model.learn(100)
    """

    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = {"FlarePolicy": FlarePolicy}
