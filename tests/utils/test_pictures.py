"""Pictures of every kind, written by Pillow."""

from __future__ import annotations

import random

import numpy as np
import pytest
from PIL import Image

from semore_gym.utils.pictures import read_picture

GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)
RGB = np.random.default_rng(0).integers(0, 256, (16, 24, 3), np.uint8)


def saved(image, path, **settings):
    image.save(path, **settings)
    return path


def seen(path):
    """(H, W, 3)."""
    picture = read_picture(path)
    assert picture.dtype == np.uint8
    return picture.transpose(1, 2, 0)


@pytest.mark.parametrize("name", ["x.png", "x.bmp", "x.webp"])
def test_colours_are_as_they_are(name, tmp_path):
    settings = {"lossless": True} if name.endswith("webp") else {}
    np.testing.assert_array_equal(seen(saved(Image.fromarray(RGB), tmp_path / name, **settings)), RGB)


def test_16_bits_are_scaled(tmp_path):
    wide = GREY.astype(np.uint16) * 257
    wide[0, 0] = 100  # less than half of the first level
    shown = seen(saved(Image.fromarray(wide), tmp_path / "x.png"))
    np.testing.assert_array_equal(shown, np.repeat(GREY[..., None], 3, 2))


def test_grey_1_bit_and_palettes_are_shown_in_their_colours(tmp_path):
    np.testing.assert_array_equal(seen(saved(Image.fromarray(GREY), tmp_path / "l.png"))[..., 1], GREY)
    bits = Image.fromarray(GREY > 99)
    assert bits.mode == "1"
    np.testing.assert_array_equal(
        seen(saved(bits, tmp_path / "1.png"))[..., 2], np.where(GREY > 99, 255, 0).astype(np.uint8)
    )
    few = RGB // 128 * 200
    palette = Image.fromarray(few).quantize(8)
    assert palette.mode == "P"
    np.testing.assert_array_equal(seen(saved(palette, tmp_path / "p.png")), few)


def test_cmyk_becomes_rgb(tmp_path):
    plain = np.zeros((16, 16, 3), np.uint8) + np.uint8([200, 40, 90])
    shown = seen(saved(Image.fromarray(plain).convert("CMYK"), tmp_path / "x.jpg", quality=95))
    assert np.abs(shown.astype(int) - plain).max() < 8


def test_alpha_that_hides_nothing_is_left_out(tmp_path):
    opaque = np.dstack([RGB, np.full(RGB.shape[:2], 255, np.uint8)])
    np.testing.assert_array_equal(seen(saved(Image.fromarray(opaque), tmp_path / "x.png")), RGB)


def test_what_is_transparent_is_refused(tmp_path):
    half = np.dstack([RGB, np.full(RGB.shape[:2], 255, np.uint8)])
    half[3, 3, 3] = 0
    palette = Image.fromarray(RGB).quantize(8)
    for path in (
        saved(Image.fromarray(half), tmp_path / "rgba.png"),
        saved(Image.fromarray(GREY), tmp_path / "l.png", transparency=7),
        saved(palette, tmp_path / "p.png", transparency=palette.getpixel((0, 0))),
    ):
        with pytest.raises(ValueError, match=f"{path.name} cannot be read as a picture: it is transparent"):
            read_picture(path)


@pytest.mark.parametrize("name", ["x.png", "x.webp"])
def test_what_is_animated_is_refused(name, tmp_path):
    others = [Image.fromarray(255 - RGB)]
    path = saved(Image.fromarray(RGB), tmp_path / name, save_all=True, append_images=others)
    with pytest.raises(ValueError, match=f"{name} cannot be read as a picture: it is animated"):
        read_picture(path)


def test_a_telephones_picture_with_a_preview_is_one(tmp_path):
    image = Image.fromarray(np.repeat(GREY[..., None], 3, 2))
    path = saved(image, tmp_path / "x.jpg", format="MPO", save_all=True, append_images=[image.resize((8, 8))])
    assert np.abs(seen(path)[..., 0].astype(int) - GREY).mean() < 5


@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.webp", "x.bmp"])
@pytest.mark.filterwarnings("ignore")
def test_any_damage_is_told_of_the_file(name, tmp_path):
    path = saved(Image.fromarray(RGB).quantize(8).convert("L"), tmp_path / name)
    whole, draw, told = path.read_bytes(), random.Random(0), []
    for number in range(1500):
        content = bytearray(whole)
        for _ in range(draw.randrange(1, 4)):
            content[draw.randrange(min(len(content), 120))] = draw.randrange(256)
        path.write_bytes(content[: draw.randrange(len(content))] if number % 3 == 0 else content)
        try:
            read_picture(path)
        except ValueError as error:
            told.append(str(error))
    assert len(told) > 300
    assert all(line.startswith(f"{path} cannot be read as a picture: ") for line in told)
