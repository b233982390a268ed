"""What every provider in the table must do."""

import gymnasium as gym
import numpy as np
import pytest

from semore_gym.masks import MASKS, MaskProvider


class Scene(gym.Env):
    def segmentation(self):
        return np.full((32, 48), 14, np.uint8)


@pytest.mark.parametrize("name", MASKS)
def test_makes_a_fresh_mask_of_a_frame_and_leaves_the_frame_alone(name):
    provider = MASKS.load(name)()
    assert isinstance(provider, MaskProvider)
    provider.reset(Scene(), np.random.default_rng(0))
    frames = np.random.default_rng(1).integers(256, size=(1, 3, 32, 48), dtype=np.uint8)
    before = frames.copy()
    first, second = provider(frames), provider(frames)
    assert first.shape == (1, 1, 32, 48)
    assert first.dtype == np.uint8
    assert not np.shares_memory(first, second)
    assert not np.shares_memory(first, frames)
    np.testing.assert_array_equal(frames, before)


def test_no_masks_are_zero_for_any_batch():
    frames = np.full((5, 3, 8, 9), 200, np.uint8)
    np.testing.assert_array_equal(MASKS.load("none")()(frames), np.zeros((5, 1, 8, 9), np.uint8))
