from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from semore_gym.masks.segmenters.pixels import Pixels, whole_frame

CONFIG = {"size": {"height": 30, "width": 50}, "image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.3, 0.4]}


def triangles(image, size, axis):
    """Resize along an axis, pixel by pixel; what shrinks is averaged over a triangle that grows with it."""
    length = image.shape[axis]
    scale = length / size
    reach = max(scale, 1)
    lines = []
    for index in range(size):
        centre = (index + 0.5) * scale
        weights = [max(0, 1 - abs(other + 0.5 - centre) / reach) for other in range(length)]
        lines.append(np.tensordot(image, weights, (axis, 0)) / sum(weights))
    return np.stack(lines, axis)


@pytest.mark.parametrize("shape", [(20, 33), (64, 70), (84, 40)])
def test_frames_are_resized_scaled_and_normalised(shape):
    frames = np.random.default_rng(0).integers(0, 256, (2, 3, *shape), np.uint8)
    images = Pixels.from_config(CONFIG)(torch.from_numpy(frames)).numpy()
    levels = np.round(triangles(triangles(frames.astype(float), 30, 2), 50, 3))
    mean, std = (np.array(CONFIG[key])[:, None, None] for key in ("image_mean", "image_std"))
    differences = np.abs((images * std + mean) * 255 - levels)
    assert images.dtype == np.float32
    assert differences.max() < 1.01  # a level may round the other way
    assert (differences < 0.01).mean() > 0.99


@pytest.mark.parametrize("resample", [Image.Resampling.BILINEAR, Image.Resampling.BICUBIC])
def test_pillow_agrees(resample):
    # no black and no white: Pillow clips between rows and columns
    frame = np.random.default_rng(0).integers(80, 180, (84, 60, 3), np.uint8)
    pixels = Pixels.from_config(CONFIG | {"resample": int(resample)})
    image = pixels(torch.from_numpy(frame).permute(2, 0, 1).unsqueeze(0))[0].numpy()
    resized = np.asarray(Image.fromarray(frame).resize((50, 30), resample)).transpose(2, 0, 1) / 255
    mean, std = (np.array(CONFIG[key])[:, None, None] for key in ("image_mean", "image_std"))
    assert np.abs(image * std + mean - resized).max() < 1.01 / 255


def test_a_size_may_be_one_number():
    assert Pixels.from_config(CONFIG | {"size": 64}).width == 64


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": {"shortest_edge": 64}}, "must name a height and a width"),
        ({"resample": 0}, "2 or 3 as resample"),
    ],
)
def test_other_preprocessing_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Pixels.from_config(CONFIG | change)


def test_missing_settings_are_named():
    with pytest.raises(ValueError, match="has no image_mean, image_std"):
        Pixels.from_config({"size": 64})


@pytest.mark.parametrize("shape", [(20, 33), (90, 40)])
def test_logits_are_resized_to_the_frame_as_probabilities(shape):
    logits = torch.from_numpy(np.random.default_rng(0).normal(scale=4, size=(3, 30, 50))).to(torch.bfloat16)
    resized = whole_frame(logits, *shape)
    assert resized.dtype == torch.float32
    chances = logits.double().sigmoid().numpy()
    expected = triangles(triangles(chances, shape[0], 1), shape[1], 2)
    np.testing.assert_allclose(resized.sigmoid(), expected, atol=1e-5)


def test_what_a_fourth_of_the_pixels_is_sure_of_has_a_fourth_of_the_probability():
    logits = torch.full((1, 64, 64), -40.0)
    logits[:, ::2, ::2] = 200.0
    centre = whole_frame(logits, 8, 8)[0, 2:6, 2:6]
    np.testing.assert_allclose(centre.sigmoid(), 0.25, atol=0.01)


def test_certainty_stays_finite():
    logits = torch.tensor([-1000.0, 1000.0]).view(2, 1, 1).expand(2, 9, 9)
    resized = whole_frame(logits, 4, 4)
    np.testing.assert_allclose(resized[:, 0, 0], [-13.8, 13.8], atol=0.1)
