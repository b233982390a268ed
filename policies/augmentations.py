"""Augmentations of batches of images.

Each sample has an offset, or a convolution, of its own, drawn from torch's global generator and shared by all
its frames. Crops and shifts are exact to the pixel, and differences of frames stay differences; several
images given together, such as frames and their masks, share the offsets too.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from torch import Tensor
from torch.nn import functional

Size = tuple[int, int]  # height, width


def random_crop(*images: Tensor, size: Size) -> tuple[Tensor, ...]:
    """Cut a window out of each sample, every place being equally likely (CURL, RAD 2020).

    Args:
        *images: (B, C, H, W) each, of any dtype; C may differ.
        size: (h, w) of the window.

    Returns:
        (B, C, h, w) for each of the images.

    Raises:
        ValueError: If the window is larger than the images.

    Example:
        >>> frames = torch.zeros(8, 9, 84, 84, dtype=torch.uint8)
        >>> random_crop(frames, size=(71, 71))[0].shape
        torch.Size([8, 9, 71, 71])
    """
    batch, _, height, width = images[0].shape
    if size[0] > height or size[1] > width:
        raise ValueError(f"size must be at most the images' {(height, width)}, got {size}")
    device = images[0].device
    tops = torch.randint(height - size[0] + 1, (batch,), device=device)
    lefts = torch.randint(width - size[1] + 1, (batch,), device=device)
    return tuple(windows(image, tops, lefts, size) for image in images)


def random_translate(*images: Tensor, size: Size) -> tuple[Tensor, ...]:
    """Place each sample anywhere on a larger black canvas (RAD 2020).

    Args:
        *images: (B, C, H, W) each, of any dtype; C may differ.
        size: (h, w) of the canvas.

    Returns:
        (B, C, h, w) for each of the images.

    Raises:
        ValueError: If the canvas is smaller than the images.
    """
    height, width = images[0].shape[2:]
    if size[0] < height or size[1] < width:
        raise ValueError(f"size must be at least the images' {(height, width)}, got {size}")
    y, x = size[0] - height, size[1] - width
    return random_crop(*(functional.pad(image, (x, x, y, y)) for image in images), size=size)


def random_shift(*images: Tensor, pad: int = 4) -> tuple[Tensor, ...]:
    """Shift each sample by up to `pad` pixels along each axis; border pixels are repeated (DrQ 2021).

    Args:
        *images: (B, C, H, W) each, of any dtype; C may differ.
        pad: Greatest shift, in pixels.

    Returns:
        (B, C, H, W) for each of the images.
    """
    height, width = images[0].shape[2:]
    return random_crop(*(_replicate(image, pad) for image in images), size=(height, width))


def random_convolution(images: Tensor) -> Tensor:
    """Convolve each sample's frames with a random 3x3 kernel, which changes colours and textures (Lee 2020).

    Kernels are drawn from Xavier's normal distribution, with zeros beyond the border. Ours: one for each
    sample, where Lee draws one for a whole batch, and what comes out is clamped to [0, 1].

    Args:
        images: (B, 3k, H, W) floating point in [0, 1].

    Returns:
        (B, 3k, H, W) in [0, 1].

    Raises:
        ValueError: If the images are not scaled.
    """
    if not images.is_floating_point():
        raise ValueError(f"images must be floating point in [0, 1], got {images.dtype}")
    batch, _, height, width = images.shape
    frames = images.reshape(batch, -1, 3, height, width).transpose(0, 1)  # (k, B, 3, H, W)
    deviation = (2 / (9 * 3 + 9 * 3)) ** 0.5  # of 27 inputs and 27 outputs
    kernels = deviation * torch.randn(3 * batch, 3, 3, 3, device=images.device, dtype=images.dtype)
    seen = functional.conv2d(frames.reshape(-1, 3 * batch, height, width), kernels, padding=1, groups=batch)
    return seen.clamp(0, 1).reshape(-1, batch, 3, height, width).transpose(0, 1).reshape(images.shape)


def centre(images: Tensor, size: Size) -> Tensor:
    """Cut out the centre of images that are larger than `size`, put smaller ones on a black canvas's centre.

    Args:
        images: (B, C, H, W).
        size: (h, w), both at most H and W or both at least.

    Returns:
        (B, C, h, w); `images` itself where that is its size already.
    """
    height, width = images.shape[2:]
    if (height, width) == size:
        return images
    top, left = abs(height - size[0]) // 2, abs(width - size[1]) // 2
    if height > size[0] or width > size[1]:
        return images[:, :, top : top + size[0], left : left + size[1]]
    below, right = size[0] - height - top, size[1] - width - left
    return functional.pad(images, (left, right, top, below))


def windows(images: Tensor, tops: Tensor, lefts: Tensor, size: Size) -> Tensor:
    """Cut one window out of each sample, all with one index.

    Args:
        images: (B, C, H, W).
        tops: First row of each window, (B,) int64.
        lefts: First column of each window, (B,) int64.
        size: (h, w) of the windows.

    Returns:
        (B, C, h, w).
    """
    if images.device.type == "cpu":  # numpy copies runs of bytes where torch's index goes byte by byte
        views = sliding_window_view(images.numpy(), size, axis=(2, 3))
        return torch.from_numpy(views[np.arange(len(images)), :, tops.numpy(), lefts.numpy()])
    unfolded = images.unfold(2, size[0], 1).unfold(3, size[1], 1)  # (B, C, H-h+1, W-w+1, h, w), no copy
    return unfolded[torch.arange(len(images), device=images.device), :, tops, lefts]


def _replicate(images: Tensor, pad: int) -> Tensor:
    """Repeat border pixels `pad` times; functional.pad cannot do that to bytes on every device."""
    left, right = (images[..., edge].expand(-1, -1, -1, pad) for edge in (slice(0, 1), slice(-1, None)))
    wide = torch.cat([left, images, right], dim=3)
    top, bottom = (wide[:, :, edge].expand(-1, -1, pad, -1) for edge in (slice(0, 1), slice(-1, None)))
    return torch.cat([top, wide, bottom], dim=2)
