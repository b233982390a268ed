"""RAD: SAC on randomly cropped or translated images (Laskin 2020)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from stable_baselines3.common.type_aliases import GymEnv
from torch import Tensor

from semore_gym.policies.augmentations import random_crop, random_translate
from semore_gym.policies.replay.samples import FrameBatch
from semore_gym.policies.visual_policy import VisualPolicy, scaled_shape
from semore_gym.policies.visual_sac import VisualSAC

IMAGE_SCALE = 0.84  # of a crop, in the paper


class RAD(VisualSAC):
    """VisualSAC that learns from augmented images (Laskin 2020).

    The images of o_t and of o_{t+n} are cropped at random, each sample and each of the two by itself, and a
    history's frames by the same offset; or they are placed at random on a larger black canvas (the paper's
    translate). Nothing else changes: y and the losses are SAC's. Acting sees the centre crop, or the image in
    the canvas's centre.

    The paper crops images of 100 pixels to 84, and translates images of 100 pixels on a canvas of 108. So the
    encoder sees pictures of another size than the environment makes: `rendered_side` tells the size for
    which it sees what the other methods' does, and `semore train` makes pictures of that size. The paper's
    further augmentations, of which it found these two the best for continuous control, are left out. A
    random shift is `DrQ` with k = m = 1.

    Args:
        policy: `"VisualPolicy"` or a subclass of `VisualPolicy`.
        env: Environment whose observation is a Box (3k, H, W) uint8 or a Dict with it as `frames`.
        image_scale: Side of what the encoder sees over the images' side: below 1 that of a crop, 0.84 in the
            paper; above 1 that of a canvas, 1.08 in the paper.
        policy_kwargs: The policy's further arguments.
        **kwargs: Further arguments of `VisualSAC`.

    Example:
        >>> from semore_gym import make_env
        >>> model = RAD("VisualPolicy", make_env("SemoreCarla-HighWay-v0", image_size=84), seed=0)
        >>> _ = model.learn(100)
    """

    def __init__(
        self,
        policy: str | type[VisualPolicy],
        env: GymEnv | str,
        image_scale: float = IMAGE_SCALE,
        policy_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        policy_kwargs = {"image_scale": image_scale, **(policy_kwargs or {})}
        if policy_kwargs["image_scale"] != image_scale:
            raise ValueError(
                f"policy_kwargs['image_scale'] must be left out or be image_scale, {image_scale}, "
                f"got {policy_kwargs['image_scale']}"
            )
        super().__init__(policy, env, policy_kwargs=policy_kwargs, **kwargs)

    @classmethod
    def rendered_side(cls, side: int, options: Mapping[str, Any]) -> int:
        """Find how large pictures must be for a crop (or a canvas) of `side` pixels: side / image_scale."""
        # 84 / 0.84 is a little less than 100
        scale: float = options.get("image_scale", IMAGE_SCALE)
        return math.floor(round(side / scale, 6))

    @classmethod
    def seen_side(cls, side: int, options: Mapping[str, Any]) -> int:
        """Find the side of the crop (or of the canvas) of pictures of `side` pixels."""
        return scaled_shape((3, side, side), options.get("image_scale", IMAGE_SCALE))[1]

    def augment(self, batch: FrameBatch) -> FrameBatch:
        """Crop or translate o_t, with its mask, and o_{t+n}."""
        frames, masks = self.augment_images(batch.frames, batch.masks)
        (next_frames,) = self.augment_images(batch.next_frames)
        step_next_frames = next_frames
        if not batch.one_step:
            (step_next_frames,) = self.augment_images(batch.step_next_frames)
        return batch._replace(
            frames=frames, masks=masks, next_frames=next_frames, step_next_frames=step_next_frames
        )

    def augment_images(self, *images: Tensor) -> tuple[Tensor, ...]:
        """Crop or translate (B, C, H, W) images to the encoder's size, all by the same offsets."""
        size = self.critic.encoder.image_size
        place = random_crop if size < images[0].shape[2:] else random_translate
        return place(*images, size=size)
