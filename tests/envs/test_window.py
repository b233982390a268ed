import os
import subprocess
import sys
import time
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import ImageGrab

from semore_gym.envs.window import Window, screen_available

needs_x11 = pytest.mark.skipif(
    not sys.platform.startswith("linux") or find_spec("_tkinter") is None, reason="about Tk on X11"
)
needs_screen = pytest.mark.skipif(not screen_available(), reason="needs a screen (DISPLAY)")


@needs_screen
def test_a_window_shows_frames_of_its_size_alone():
    window = Window("test", 320, 240)
    for value in (0, 128, 255):
        window.show(np.full((240, 320, 3), value, np.uint8))
    with pytest.raises(ValueError, match=r"image must have shape \(240, 320, 3\), got \(10, 10, 3\)"):
        window.show(np.zeros((10, 10, 3), np.uint8))
    window.close()
    window.close()


@needs_screen
@needs_x11
def test_what_is_on_the_screen_is_the_frame():
    window = Window("test", 64, 48)
    frame = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    for _ in range(20):  # the screen needs a moment
        window.show(frame)
        time.sleep(0.02)
    x, y = window._root.winfo_rootx(), window._root.winfo_rooty()
    screen = np.asarray(ImageGrab.grab(bbox=(x, y, x + 64, y + 48), xdisplay=os.environ["DISPLAY"]))
    np.testing.assert_array_equal(screen, frame)
    window.close()


@needs_screen
def test_a_window_that_its_user_closed_stays_closed():
    window = Window("test", 64, 48)
    window.close()
    window.show(np.zeros((48, 64, 3), np.uint8))


@needs_x11
def test_the_screen_is_where_display_says(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    assert not screen_available()
    monkeypatch.setenv("DISPLAY", os.environ.get("DISPLAY", ":99999"))
    assert screen_available()


@needs_x11
def test_a_screen_that_does_not_answer_is_an_error():
    code = "from semore_gym.envs.window import Window; Window('t', 64, 48)"
    env = {**os.environ, "DISPLAY": ":99999"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert "RuntimeError: no window can be opened: " in done.stderr
