import numpy as np
import pytest

from semore_gym import make_env
from semore_gym.agents import named_policy
from semore_gym.masks import LearnedMasks, OracleMasks
from semore_gym.masks.segmentation_net import WEIGHTS, SegmentationNet


def drive(scenario: str, size: int, steps: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Frames (N, 3, H, W) of an episode that nobody trained on, and the true masks (N, 1, H, W)."""
    env = make_env(f"SemoreCarla-{scenario}-v0", masks=OracleMasks(), image_size=size)
    driver = named_policy("scripted", env)
    observation, _ = env.reset(seed=77)
    seen = []
    for _ in range(steps):
        observation, *_ = env.step(driver.predict(observation)[0])
        seen.append((observation["frames"][-3:], observation["mask"]))
    env.close()
    frames, masks = zip(*seen, strict=True)
    return np.stack(frames), np.stack(masks)


@pytest.mark.parametrize(("scenario", "least"), [("HighWay", 0.5), ("JayWalk", 0.4), ("HighBeam", 0.4)])
def test_it_finds_most_of_what_matters_and_is_not_perfect(scenario, least):
    frames, truth = drive(scenario, 64)
    found = LearnedMasks()(frames) >= 128
    both, either = (found & (truth > 0)).sum(), (found | (truth > 0)).sum()
    assert least < both / either < 0.99


def test_lane_marks_are_marked_on_request():
    frames, _ = drive("HighWay", 64, steps=3)
    plain, marked = LearnedMasks()(frames), LearnedMasks(lane_marks=True)(frames)
    assert (marked >= plain).all()
    assert (marked[:, :, 40:] >= 128).sum() > (plain[:, :, 40:] >= 128).sum() + 100


@pytest.mark.parametrize("shape", [(37, 51), (84, 84), (128, 96)])
def test_any_picture_gets_a_mask_of_its_size(shape):
    masks = LearnedMasks()(np.zeros((2, 3, *shape), np.uint8))
    assert masks.shape == (2, 1, *shape)
    assert masks.dtype == np.uint8


def test_it_is_small():
    assert WEIGHTS.stat().st_size < 300_000
    assert sum(value.numel() for value in SegmentationNet(3).parameters()) < 100_000


def test_an_environment_takes_it_by_name():
    env = make_env("SemoreCarla-HighWay-v0", masks="learned", image_size=48)
    observation, _ = env.reset(seed=0)
    expected = LearnedMasks()(observation["frames"][None, -3:])[0]
    np.testing.assert_array_equal(observation["mask"], expected)
    env.close()


@pytest.mark.parametrize("words", [{"floor": 1.0}, {"least_peak": -0.1}])
def test_numbers_out_of_range_are_refused(words):
    with pytest.raises(ValueError, match=next(iter(words))):
        LearnedMasks(**words)
