import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semore_gym.masks import OracleMasks
from semore_gym.masks.oracle import connected_components
from semore_gym.tags import PEOPLE, VEHICLES, SemanticTag

FRAMES = np.zeros((1, 3, 64, 64), np.uint8)


class Scene(gym.Env):
    """Shows the segmentation that it was last given."""

    def __init__(self, tags=None):
        self.tags = np.zeros((64, 64), np.uint8) if tags is None else tags

    def segmentation(self):
        return self.tags


def ready(env, seed=0, **options):
    masks = OracleMasks(**options)
    masks.reset(env, np.random.default_rng(seed))
    return masks


def boxes(*corners, tag=SemanticTag.CAR):
    """A scene with a 6 x 6 object at each corner."""
    tags = np.zeros((64, 64), np.uint8)
    for row, column in corners:
        tags[row : row + 6, column : column + 6] = tag
    return Scene(tags)


def every_tag():
    tags = np.zeros((64, 64), np.uint8)
    tags.ravel()[:29] = np.arange(29)
    return Scene(tags)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, VEHICLES | PEOPLE),
        ({"lane_marks": True}, VEHICLES | PEOPLE | {SemanticTag.ROAD_LINE}),
        ({"classes": [SemanticTag.SKY, 9]}, {11, 9}),
        ({"classes": []}, set()),
    ],
)
def test_marks_the_chosen_classes(options, expected):
    mask = ready(every_tag(), **options)(FRAMES)
    assert mask.shape == (1, 1, 64, 64)
    assert mask.dtype == np.uint8
    assert set(np.unique(mask)) <= {0, 255}
    assert set(np.flatnonzero(mask)) == set(expected)


def test_missed_objects_are_missed_whole_and_as_often_as_asked():
    corners = [(row, column) for row in range(0, 60, 12) for column in range(0, 60, 12)]
    env = boxes(*corners)
    masks = ready(env, missed=0.3)
    seen = []
    for _ in range(80):
        mask = masks(FRAMES)[0, 0]
        for row, column in corners:
            whole = np.unique(mask[row : row + 6, column : column + 6])
            assert len(whole) == 1
            seen.append(whole[0] == 255)
        assert not mask[env.tags == 0].any()
    assert abs(np.mean(seen) - 0.7) < 0.04  # 2000 draws: 4 standard errors


@pytest.mark.parametrize(("missed", "kept"), [(0.0, True), (1.0, False)])
def test_all_or_nothing_is_missed(missed, kept):
    assert ready(boxes((5, 5)), missed=missed)(FRAMES).any() == kept


def test_false_blobs_come_in_the_expected_number_and_size():
    masks = ready(Scene(), false_blobs=0.4)
    made = [masks(FRAMES)[0, 0] for _ in range(600)]
    nothing = np.mean([not mask.any() for mask in made])
    assert abs(nothing - np.exp(-0.4)) < 0.08  # a blob near a corner may cover no pixel
    area = np.mean([np.mean(mask == 255) for mask in made])
    expected = 0.4 * np.pi * 0.06**2  # both half axes average 6% of the side
    assert 0.6 * expected < area < 1.1 * expected  # some are cut by the border
    assert set(np.unique(made)) == {0, 255}


def test_false_blobs_leave_objects_alone():
    env = boxes((30, 30))
    mask = ready(env, false_blobs=20.0)(FRAMES)[0, 0]
    assert (mask[env.tags > 0] == 255).all()
    assert (mask[env.tags == 0] == 255).any()


def test_blur_spreads_a_mask_by_its_standard_deviation():
    env = boxes((29, 29))
    mask = ready(env, blur=3.0)(FRAMES)[0, 0].astype(float)
    rows = np.arange(64) + 0.5
    weight = mask.sum(axis=1) / mask.sum()
    mean = (weight * rows).sum()
    variance = (weight * (rows - mean) ** 2).sum()
    assert mean == pytest.approx(32.0, abs=0.1)
    assert variance == pytest.approx(3.0**2 + 35 / 12, rel=0.15)  # of the kernel and of a 6 px box


def test_delay_gives_the_mask_of_an_earlier_frame():
    env = Scene()
    masks = ready(env, delay=2)
    made = []
    for t in range(6):
        env.tags = boxes((10 * t, 10 * t)).tags
        made.append(masks(FRAMES)[0, 0])
    assert not made[0].any()
    assert not made[1].any()
    for t in range(2, 6):
        np.testing.assert_array_equal(made[t], np.where(boxes((10 * (t - 2),) * 2).tags, 255, 0))
    masks.reset(env, np.random.default_rng(0))
    assert not masks(FRAMES).any()


def test_imperfections_repeat_with_the_generator():
    options = {"missed": 0.5, "false_blobs": 2.0, "blur": 1.0}
    env = boxes((5, 5), (20, 40), (45, 10))
    first, again, other = (ready(env, seed, **options) for seed in (1, 1, 2))
    a, b, c = ([masks(FRAMES) for _ in range(5)] for masks in (first, again, other))
    np.testing.assert_array_equal(a, b)
    assert any((x != y).any() for x, y in zip(a, c, strict=True))


def flood_fill(mask):
    """Connected components the slow way, numbered in the order of their last pixels."""
    groups, left = [], set(zip(*np.nonzero(mask), strict=True))
    while left:
        group, edge = set(), [left.pop()]
        while edge:
            row, column = edge.pop()
            group.add((row, column))
            around = {(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & left
            left -= around
            edge += around
        groups.append(group)
    labels = np.zeros(mask.shape, int)
    for number, group in enumerate(sorted(groups, key=max), 1):
        labels[tuple(zip(*group, strict=True))] = number
    return labels


@given(
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    density=st.floats(0.0, 1.0),
    seed=st.integers(0, 2**32 - 1),
)
@settings(deadline=None, max_examples=150)
def test_components_are_those_of_a_flood_fill(height, width, density, seed):
    mask = np.random.default_rng(seed).random((height, width)) < density
    np.testing.assert_array_equal(connected_components(mask), flood_fill(mask))


def test_a_spiral_is_one_component():
    mask = np.zeros((33, 33), bool)
    row = column = 0
    length, step = 32, (0, 1)
    for arm in range(30):
        for _ in range(length):
            mask[row, column] = True
            row, column = row + step[0], column + step[1]
        step = (step[1], -step[0])
        length -= 2 if arm % 2 == 1 and arm > 1 else 0
        if length <= 0:
            break
    np.testing.assert_array_equal(connected_components(mask), flood_fill(mask))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"missed": 1.5}, r"missed must be a probability in \[0, 1\], got 1.5"),
        ({"missed": float("nan")}, "missed must be a probability"),
        ({"blur": -1.0}, "blur must be finite and at least 0, got -1.0"),
        ({"false_blobs": float("inf")}, "false_blobs must be finite and at least 0, got inf"),
        ({"delay": -1}, "delay must be finite and at least 0, got -1"),
        ({"delay": 1.5}, "delay must be an integer, got 1.5"),
        ({"classes": [99]}, "classes must be semantic tags, 0 to 28, got 99"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        OracleMasks(**options)


def test_wrong_use_is_refused():
    with pytest.raises(TypeError, match=r"segmentation\(\) that gives .* CartPoleEnv has none"):
        ready(gym.make("CartPole-v1"))
    with pytest.raises(RuntimeError, match="must be reset"):
        OracleMasks()(FRAMES)
    with pytest.raises(ValueError, match="current frame, got 2 frames"):
        ready(Scene())(np.repeat(FRAMES, 2, axis=0))
