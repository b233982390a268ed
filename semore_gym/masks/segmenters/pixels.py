"""Between frames of any size and the one size that a segmenter looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

MODES = {2: "bilinear", 3: "bicubic"}  # Pillow's numbers, which preprocessor_config.json has


@dataclass(frozen=True)
class Pixels:
    """How a model wants its images: resized, scaled to [0, 1] and normalised.

    The same arithmetic as Pillow's resizing, in torch: it works on batches and wherever the model is.

    Args:
        height: Rows after resizing.
        width: Columns after resizing.
        mean: Of each channel, in [0, 1].
        std: Of each channel, in [0, 1].
        mode: `"bilinear"` or `"bicubic"`.
    """

    height: int
    width: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    mode: str = "bilinear"

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Pixels:
        """Read a checkpoint's preprocessor_config.json.

        Args:
            config: Its entries `size`, `image_mean`, `image_std` and, if there, `resample`.

        Raises:
            ValueError: If an entry is missing or asks for something else than resizing to a fixed size.
        """
        missing = {"size", "image_mean", "image_std"} - config.keys()
        if missing:
            raise ValueError(f"preprocessor_config.json has no {', '.join(sorted(missing))}")
        size, resample = config["size"], config.get("resample", 2)
        if isinstance(size, int):
            size = {"height": size, "width": size}
        if set(size) != {"height", "width"} or resample not in MODES:
            raise ValueError(
                f"preprocessor_config.json must name a height and a width as size and 2 or 3 as resample, "
                f"got size {size!r} and resample {resample!r}"
            )
        return cls(
            size["height"],
            size["width"],
            tuple(config["image_mean"]),
            tuple(config["image_std"]),
            MODES[resample],
        )

    def __call__(self, frames: Tensor) -> Tensor:
        """Prepare frames.

        Args:
            frames: (N, 3, H, W) uint8.

        Returns:
            (N, 3, height, width) float32.
        """
        return self.normalise(resize(frames.float(), self.height, self.width, self.mode))

    def normalise(self, images: Tensor) -> Tensor:
        """Normalise images, 0 to 255 and rounded first as an 8-bit image would be; (N, 3, H, W) float32."""
        mean, std = (images.new_tensor(values).view(-1, 1, 1) for values in (self.mean, self.std))
        return (images.round().clamp(0, 255) / 255 - mean) / std


def resize(images: Tensor, height: int, width: int, mode: str = "bilinear") -> Tensor:
    """Resize (N, C, H, W) float32 images; what shrinks is low-passed first."""
    return functional.interpolate(images, (height, width), mode=mode, align_corners=False, antialias=True)


def whole_frame(logits: Tensor, height: int, width: int) -> Tensor:
    """Resize (P, h, w) logits of the whole frame to (P, height, width) float32, by their probabilities."""
    # a mean of logits would let a few certain pixels outvote all others
    return logit(resize(logits.float().sigmoid().unsqueeze(1), height, width).squeeze(1))


def logit(probabilities: Tensor) -> Tensor:
    """The logits of probabilities, float32; what is nearer than 1e-6 to 0 or 1 is taken for that far."""
    return torch.logit(probabilities, eps=1e-6)
