"""Videos and pictures inside a page."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import imageio.v2 as imageio
from PIL import Image

LARGEST_VIDEO = 3_000_000  # that is put into a page [bytes]


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


def still(video: Path) -> bytes:
    """The picture in the middle of a video, as JPEG.

    Raises:
        ValueError: If the video cannot be read.
    """
    try:
        with imageio.get_reader(video) as reader:
            frame = reader.get_data(reader.count_frames() // 2)
    except (OSError, IndexError, RuntimeError) as error:
        raise ValueError(f"{video} cannot be read: {error}") from error
    file = io.BytesIO()
    Image.fromarray(frame).save(file, "JPEG", quality=80)
    return file.getvalue()
