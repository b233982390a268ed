"""An offscreen buffer of Panda3D's software renderer that gives colour, tags and depth of one drawing."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from panda3d.core import (
    Camera,
    ConfigVariableBool,
    FrameBufferProperties,
    GraphicsEngine,
    GraphicsOutput,
    GraphicsPipe,
    GraphicsPipeSelection,
    NodePath,
    PerspectiveLens,
    Texture,
    WindowProperties,
)

NEAR = 0.6  # [m]
FAR = 3000.0  # [m]
Z_BITS = 20  # the renderer's depth buffer holds 2**Z_BITS at the near plane and 0 at the far plane
SKY_DEPTH = 1000.0  # [m]

# The renderer copies colours out at the end of a frame and only then, with this switch on, writes its depth
# buffer over them; a second, empty frame reads that back. The switch belongs to the process: hence the lock.
_show_depth = ConfigVariableBool("td-show-zbuffer", False)
_lock = Lock()


class Drawing(NamedTuple):
    """What one drawing left in the buffer."""

    bgra: npt.NDArray[np.uint8]  # (H, W, 4), the last channel as `mesh.encode` makes it
    z: npt.NDArray[np.int32]  # (H, W), see `depth`


class _Buffer:
    """A buffer with an engine of its own.

    Panda3D 1.10's software renderer never frees the pixels of a buffer, so buffers are kept and used again:
    see `_idle`.
    """

    def __init__(self, width: int, height: int) -> None:
        # The rasteriser rounds its lines down to a multiple of 4 pixels.
        self.size = width, height
        self.padded = (width + 3) // 4 * 4
        self._trusted = False
        self.engine = GraphicsEngine()
        self.color = Texture()
        wanted = FrameBufferProperties()
        wanted.set_rgba_bits(8, 8, 8, 8)
        wanted.set_depth_bits(24)
        size = WindowProperties.size(self.padded, height)
        refuse = GraphicsPipe.BF_refuse_window
        self.output = self.engine.make_output(_pipe(), "canvas", 0, wanted, size, refuse)
        self.output.add_render_texture(self.color, GraphicsOutput.RTM_copy_ram, GraphicsOutput.RTP_color)
        self.region = self.output.make_display_region(0.0, width / self.padded, 0.0, 1.0)

    def draw(self) -> Drawing:
        """Draw what the region's camera sees."""
        with _lock:
            self._set_drawing(True)
            self.engine.render_frame()
            bgra = self._pixels(np.uint8, 4)
            self._set_drawing(False)
            self.engine.render_frame()
            z = self._pixels(np.int32, 1)[..., 0]
        if not self._trusted and np.array_equal(z, bgra.copy().view(np.int32)[..., 0]):
            raise RuntimeError("this build of Panda3D does not show its depth buffer (td-show-zbuffer)")
        self._trusted = True
        return Drawing(bgra, z)

    def _set_drawing(self, on: bool) -> None:
        _show_depth.set_value(on)
        self.region.set_active(on)
        self.output.set_clear_color_active(on)
        self.output.set_clear_depth_active(on)

    def _pixels(self, dtype: Any, channels: int) -> npt.NDArray[Any]:
        width, height = self.size
        pixels = np.frombuffer(memoryview(self.color.get_ram_image()).tobytes(), dtype)
        return pixels.reshape(height, self.padded, channels)[::-1, :width]


_idle: defaultdict[tuple[int, int], list[_Buffer]] = defaultdict(list)


@cache
def _pipe() -> Any:
    """The software renderer's factory of buffers, one a process; it holds no state of a buffer."""
    pipe = GraphicsPipeSelection.get_global_ptr().make_pipe("TinyOffscreenGraphicsPipe", "p3tinydisplay")
    if pipe is None:
        raise RuntimeError("Panda3D's software renderer p3tinydisplay could not be loaded")
    return pipe


class Canvas:
    """A camera and the buffer that it draws into.

    Args:
        scene: What is drawn.
        parent: What the camera is fixed to; it looks along its own y axis.
        width: In pixels.
        height: In pixels.
        fov: Horizontal field of view [deg].
    """

    def __init__(self, scene: Any, parent: Any, width: int, height: int, fov: float) -> None:
        lens = PerspectiveLens()
        lens.set_near_far(NEAR, FAR)
        lens.set_aspect_ratio(width / height)
        lens.set_fov(fov)
        self.camera = Camera("camera", lens)
        self.camera.set_scene(scene)
        self.node: Any = parent.attach_new_node(self.camera)
        with _lock:
            spare = _idle[width, height]
            self._buffer: _Buffer | None = spare.pop() if spare else _Buffer(width, height)
        self._buffer.region.set_camera(self.node)

    def draw(self) -> Drawing:
        """Draw the scene.

        Raises:
            RuntimeError: If the canvas is closed.
        """
        if self._buffer is None:
            raise RuntimeError("this canvas is closed")
        return self._buffer.draw()

    def close(self) -> None:
        """Give the buffer back; may be called twice."""
        if self._buffer is None:
            return
        self._buffer.region.set_camera(NodePath())
        with _lock:
            _idle[self._buffer.size].append(self._buffer)
        self._buffer = None
        self.node.remove_node()


def depth_of(z: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Distance along the optical axis [m] of depth buffer values; what was never drawn is the sky.

    A perspective projection keeps z / 2**Z_BITS = (1/d - 1/FAR) / (1/NEAR - 1/FAR).
    """
    inverse = z.astype(np.float32) * np.float32((1.0 / NEAR - 1.0 / FAR) / 2**Z_BITS)
    metres = np.float32(1.0) / (inverse + np.float32(1.0 / FAR))
    result: npt.NDArray[np.float32] = np.where(z == 0, SKY_DEPTH, np.minimum(metres, SKY_DEPTH)).astype(
        np.float32
    )
    return result
