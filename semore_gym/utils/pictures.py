"""Pictures in files, of whatever kind, as frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image


def read_picture(path: Path) -> npt.NDArray[np.uint8]:
    """Read a picture that shows one view; grey, 1-bit, 16-bit, palette and CMYK ones become RGB.

    Args:
        path: A PNG, JPEG, WebP or BMP.

    Returns:
        (3, H, W) uint8.

    Raises:
        ValueError: If the file is damaged, no picture, animated or transparent; the message names it.
    """
    try:
        with Image.open(path) as image:
            # what telephones save as MPO is one view and its preview
            if getattr(image, "is_animated", False) and image.format != "MPO":
                raise ValueError("it is animated, and a frame is one picture")
            rgb = np.asarray(_in_colour(image), np.uint8)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path} cannot be read as a picture: {error}") from error
    return np.moveaxis(rgb, -1, 0)


def _in_colour(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits, which `convert` would clip
        return Image.fromarray(np.round(np.asarray(image) / 257).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data and image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
        raise ValueError("it is transparent somewhere, and what a driver sees is not")
    return image.convert("RGB")
