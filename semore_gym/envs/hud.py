"""The head-up display of rendered frames."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from semore_gym.backends.base import Image

MARGIN = 10  # [px]
PANEL = (240, 98)  # [px]
BAR = (108, 10)  # [px]
INK = (240, 240, 235, 255)
FAINT = (150, 155, 160, 255)
BACK = (12, 16, 22, 150)
TRACK = (70, 76, 84, 255)
BLUE, GREEN, RED = (90, 170, 255, 255), (90, 205, 120, 255), (240, 90, 80, 255)


def draw_hud(image: Image, info: Mapping[str, Any]) -> Image:
    """Write speed, controls, the step's reward, the tick and the end's reason into a corner of a frame.

    Args:
        image: (H, W, 3) uint8, at least 260 x 118 pixels to show all of it.
        info: A step's or reset's info.

    Returns:
        (H, W, 3) uint8, a new image.
    """
    frame = Pillow.fromarray(image).convert("RGBA")
    layer = Pillow.new("RGBA", frame.size)
    pen = ImageDraw.Draw(layer)
    left, top = MARGIN, MARGIN
    pen.rounded_rectangle((left, top, left + PANEL[0], top + PANEL[1]), radius=8, fill=BACK)
    speed = 3.6 * info["speed"]  # [km/h]
    pen.text((left + 62, top + 10), f"{speed:.0f}", INK, _font(34), anchor="ra")
    pen.text((left + 66, top + 30), "km/h", FAINT, _font(12))
    reward = sum(info["rewards"].values())
    pen.text((left + 12, top + 54), f"reward {reward:+.{0 if abs(reward) >= 1000 else 2}f}", INK, _font(12))
    pen.text((left + 12, top + 71), f"tick {info['tick']}", FAINT, _font(12))
    controls = (
        ("steer", info["steer"], BLUE),
        ("throttle", info["throttle"], GREEN),
        ("brake", info["brake"], RED),
    )
    for row, (name, value, color) in enumerate(controls):
        _bar(pen, left + 120, top + 4 + 30 * row, name, value, color)
    if info["end_reason"]:
        _banner(pen, frame.size, info["end_reason"].replace("_", " "))
    return np.asarray(Pillow.alpha_composite(frame, layer).convert("RGB"))


def _bar(pen: ImageDraw.ImageDraw, x: int, y: int, name: str, value: float, color: tuple[int, ...]) -> None:
    """A bar from its middle for steering, from its left end for a pedal."""
    pen.text((x, y), name, INK, _font(12))
    y += 18
    pen.rectangle((x, y, x + BAR[0], y + BAR[1] - 4), fill=TRACK)
    zero = x + BAR[0] / 2 if name == "steer" else x
    end = zero + value * (BAR[0] / 2 if name == "steer" else BAR[0])
    pen.rectangle((min(zero, end), y, max(zero, end), y + BAR[1] - 4), fill=color)


def _banner(pen: ImageDraw.ImageDraw, size: tuple[int, int], text: str) -> None:
    middle, height = size[0] / 2, size[1] * 0.42
    box = pen.textbbox((middle, height), text, _font(30), anchor="mm")
    pen.rounded_rectangle((box[0] - 18, box[1] - 12, box[2] + 18, box[3] + 12), radius=10, fill=BACK)
    pen.text((middle, height), text, INK, _font(30), anchor="mm")


@cache
def _font(size: int) -> Any:
    """Pillow's own font, so that a frame looks the same on every machine."""
    return ImageFont.load_default(size)
