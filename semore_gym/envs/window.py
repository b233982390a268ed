"""A window that shows frames."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import Any

from semore_gym.backends.base import Image


def screen_available() -> bool:
    """Whether there is a screen, and a Python built with Tk to open a window on it."""
    if find_spec("_tkinter") is None:
        return False
    return not sys.platform.startswith("linux") or bool(os.environ.get("DISPLAY"))


class Window:
    """A window on the screen.

    Once its user has closed it, it stays closed and `show` does nothing.

    Args:
        title: In its title bar.
        width: Of the frames [px].
        height: Of the frames [px].

    Raises:
        RuntimeError: If no window can be opened.
    """

    def __init__(self, title: str, width: int, height: int) -> None:
        import tkinter  # part of Python, but some systems package it apart

        self._size = width, height
        try:
            self._root: Any = tkinter.Tk()
        except tkinter.TclError as error:
            raise RuntimeError(f"no window can be opened: {error}; use render_mode='rgb_array'") from error
        self._root.title(title)
        self._root.resizable(False, False)
        self._root.protocol("WM_DELETE_WINDOW", self.close)
        self._picture: Any = tkinter.PhotoImage(master=self._root, width=width, height=height)
        tkinter.Label(self._root, image=self._picture, borderwidth=0).pack()

    def show(self, image: Image) -> None:
        """Show a frame, (height, width, 3) uint8.

        Raises:
            ValueError: If it has another shape.
        """
        width, height = self._size
        if image.shape != (height, width, 3):
            raise ValueError(f"image must have shape {(height, width, 3)}, got {image.shape}")
        if self._root is None:
            return
        self._picture.configure(data=b"P6 %d %d 255 " % self._size + image.tobytes(), format="PPM")
        self._root.update()

    def close(self) -> None:
        """Close the window; may be called twice."""
        if self._root is not None:
            self._root.destroy()
        self._root = self._picture = None
