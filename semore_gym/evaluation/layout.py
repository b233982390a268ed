"""Lays out one picture of a video: the scene, and beside it what the agent sees."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Picture = npt.NDArray[np.uint8]

HEIGHT = 480  # of every picture [px]
MARGIN = 6  # between the parts [px]
BACKGROUND = (24, 26, 30)
INK = (235, 235, 235)
MASK_COLOUR = (255, 150, 20)


def compose(scene: Picture, observation: Any) -> Picture:
    """One picture of even width and height.

    Args:
        scene: (h, w, 3) uint8, the environment's own view.
        observation: One frame (H, W, 3), stacked frames (3k, H, W), or a Dict with stacked `frames` and
            perhaps a `mask` (1, H, W); all uint8. Anything else is not shown.

    Returns:
        (480, W', 3) uint8: the scene at the left; at the right the agent's newest frame and, below it,
        the frame dimmed and coloured by its mask.
    """
    panels = _panels(observation)
    side = (HEIGHT - MARGIN) // 2
    left = _scaled(scene, HEIGHT)
    width = left.width + (MARGIN + side if panels else 0)
    canvas = Image.new("RGB", (width + width % 2, HEIGHT), BACKGROUND)
    canvas.paste(left, (0, 0))
    for i, (title, image) in enumerate(panels):
        corner = (left.width + MARGIN, i * (side + MARGIN))
        canvas.paste(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC), corner)
        _write(canvas, title, corner)
    return np.asarray(canvas)


def overlay(frame: Picture, mask: Picture) -> Picture:
    """A dimmed, grey frame on which the mask shines.

    Args:
        frame: (H, W, 3) uint8.
        mask: (H, W) uint8, 255 = fully coloured.

    Returns:
        (H, W, 3) uint8.
    """
    weight = mask[..., np.newaxis] / 255.0
    grey = frame.mean(axis=-1, keepdims=True)
    shining = 0.3 * frame + 0.7 * np.array(MASK_COLOUR)
    blend: Picture = np.round((1.0 - weight) * 0.55 * grey + weight * shining).astype(np.uint8)
    return blend


def _panels(observation: Any) -> list[tuple[str, Picture]]:
    """What is shown of an observation, with titles."""
    frames = observation.get("frames") if isinstance(observation, dict) else observation
    if not isinstance(frames, np.ndarray) or frames.dtype != np.uint8 or frames.ndim != 3:
        return []
    frame = frames if frames.shape[-1] == 3 else np.moveaxis(frames[-3:], 0, -1)
    panels = [("agent's view", frame)]
    if isinstance(observation, dict) and "mask" in observation:
        panels.append(("mask", overlay(frame, observation["mask"][0])))
    return panels


def _scaled(image: Picture, height: int) -> Image.Image:
    picture = Image.fromarray(image)
    width = round(picture.width * height / picture.height)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


def _write(canvas: Image.Image, text: str, corner: tuple[int, int]) -> None:
    """White letters on a dark strip at the top left of a panel."""
    draw = ImageDraw.Draw(canvas, "RGBA")
    font = ImageFont.load_default(13)
    box = draw.textbbox((corner[0] + 6, corner[1] + 4), text, font=font)
    draw.rectangle((corner[0], corner[1], box[2] + 6, box[3] + 4), fill=(0, 0, 0, 150))
    draw.text((corner[0] + 6, corner[1] + 4), text, font=font, fill=INK)
