import io

import imageio.v2 as imageio
import numpy as np
import pytest
from PIL import Image

from semore_gym.report.media import HEIGHT, data_uri, newest_video, shrink


@pytest.mark.parametrize(("size", "expected"), [((480, 644), (HEIGHT, 430)), ((100, 202), (100, 202))])
def test_a_video_is_shrunk_and_keeps_its_length(tmp_path, size, expected):
    colours = np.linspace(0, 255, 7).astype(np.uint8)
    frames = [np.full((*size, 3), colour, np.uint8) for colour in colours]
    imageio.mimwrite(tmp_path / "large.mp4", frames, fps=5, macro_block_size=2)
    clip = shrink(tmp_path / "large.mp4")
    (tmp_path / "small.mp4").write_bytes(clip.mp4)
    small = np.stack(imageio.mimread(tmp_path / "small.mp4"))
    assert small.shape == (7, *expected, 3)
    assert np.abs(small.mean(axis=(1, 2, 3)) - colours).max() < 6
    still = np.asarray(Image.open(io.BytesIO(clip.still)))
    assert still.shape == (*expected, 3)
    assert abs(still.mean() - colours[3]) < 6


def test_what_is_no_video_is_refused(tmp_path):
    (tmp_path / "broken.mp4").write_text("no")
    with pytest.raises(ValueError, match=r"broken\.mp4 cannot be read"):
        shrink(tmp_path / "broken.mp4")


def test_the_newest_video_has_the_most_steps(tmp_path):
    assert newest_video(tmp_path) is None
    for name in ("step-000000900.mp4", "step-000001000.mp4", "notes.txt"):
        (tmp_path / name).touch()
    assert newest_video(tmp_path) == tmp_path / "step-000001000.mp4"


def test_an_address_holds_its_content():
    assert data_uri(b"abc", "text/plain") == "data:text/plain;base64,YWJj"
