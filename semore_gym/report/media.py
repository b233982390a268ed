"""Videos and pictures inside a page."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import imageio.v2 as imageio
import numpy as np
from PIL import Image

HEIGHT = 320  # to which videos are shrunk [px]


class Clip(NamedTuple):
    """A video, small enough for a page."""

    mp4: bytes
    still: bytes  # the picture in its middle, as JPEG


def data_uri(content: bytes, kind: str) -> str:
    """Content as an address that holds it.

    Args:
        content: Of the file.
        kind: Its media type, for example image/svg+xml.
    """
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def newest_video(folder: Path) -> Path | None:
    """The last one in a run's videos/; None if there is none."""
    return max(folder.glob("*.mp4"), default=None)


def shrink(video: Path) -> Clip:
    """Make a video at most `HEIGHT` pixels high.

    Raises:
        ValueError: If the video cannot be read.
    """
    try:
        opened: Any = imageio.get_reader(video)
        with opened as reader:
            fps = reader.get_meta_data()["fps"]
            pictures = [_small(Image.fromarray(frame)) for frame in reader.iter_data()]
    except (OSError, RuntimeError) as error:
        raise ValueError(f"{video} cannot be read: {error}") from error
    if not pictures:
        raise ValueError(f"{video} cannot be read: it has no pictures")
    still = io.BytesIO()
    pictures[len(pictures) // 2].save(still, "JPEG", quality=85)
    return Clip(_mp4(pictures, fps), still.getvalue())


def _small(picture: Image.Image) -> Image.Image:
    scale = min(1.0, HEIGHT / picture.height)
    # The codec wants even sides.
    return picture.resize((round(picture.width * scale / 2) * 2, round(picture.height * scale / 2) * 2))


def _mp4(pictures: Sequence[Image.Image], fps: float) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "small.mp4"
        imageio.mimwrite(
            path, [np.asarray(picture) for picture in pictures], fps=fps, quality=5, macro_block_size=2
        )
        return path.read_bytes()
