import csv
from itertools import pairwise

import imageio.v2 as imageio
import numpy as np
import pytest

from semore_gym import make_env
from semore_gym.evaluation import (
    ConstantPolicy,
    EpisodeRecord,
    Evaluation,
    plot_learning_curve,
    record_episode,
)
from semore_gym.evaluation.layout import compose, overlay

POINTS = [
    {
        "agent_steps": step,
        "simulator_ticks": 4 * step,
        "episode_reward": step / 10,
        "episode_reward_low": step / 11,
        "episode_reward_high": step / 9,
        "distance": step / 50,
    }
    for step in (0, 500, 1000, 2000)
]


def test_video_shows_the_whole_episode(track, tmp_path):
    env = track(render_mode="rgb_array")
    path = tmp_path / "episode.mp4"
    result = record_episode(ConstantPolicy((0, 1)), env, path, seed=5)
    assert result.seed == 5
    assert result.metrics["steps"] == env.length
    with imageio.get_reader(path) as video:
        assert video.get_meta_data()["fps"] == 10
        pictures = [*video.iter_data()]
    assert len(pictures) == result.metrics["steps"] + 1 + 15
    assert pictures[0].shape == (480, 884, 3)
    for t, picture in enumerate(pictures[: result.metrics["steps"] + 1]):  # the scene's grey tells the step
        assert abs(picture[100:200, 100:200].mean() - min(8 * t, 255)) < 4
    assert list(tmp_path.iterdir()) == [path]


def test_video_of_a_drive_shows_every_tick(tmp_path):
    env = make_env("SemoreCarla-HighWay-v0", masks="none", max_ticks=30, render_mode="rgb_array")
    result = record_episode(ConstantPolicy((0, 1)), env, tmp_path / "drive.mp4", seed=1)
    with imageio.get_reader(tmp_path / "drive.mp4") as video:
        assert video.get_meta_data()["fps"] == 20
        pictures = [*video.iter_data()]
    assert result.metrics["ticks"] == 30
    assert len(pictures) == 30 + 1 + 30
    roads = [picture[200:, :640].astype(int) for picture in pictures[10:31]]
    assert all(np.abs(before - after).max() > 20 for before, after in pairwise(roads))
    assert env.unwrapped.on_tick is None
    env.close()


def test_video_needs_rendered_arrays(track, tmp_path):
    with pytest.raises(ValueError, match=r'render_mode="rgb_array", its render_mode is None'):
        record_episode(ConstantPolicy((0, 1)), track(), tmp_path / "episode.mp4")


@pytest.mark.parametrize("scene", [(480, 640), (400, 601), (96, 96), (1000, 777)])
@pytest.mark.parametrize("size", [32, 84, 128])
def test_pictures_have_even_sides_and_a_panel_for_each_part(scene, size):
    scene = np.full((*scene, 3), 90, np.uint8)
    frames = np.zeros((9, size, size), np.uint8)
    frames[6:] = np.array([200, 10, 60])[:, None, None]
    mask = np.zeros((1, size, size), np.uint8)
    alone = compose(scene, None)
    seen = compose(scene, frames)
    masked = compose(scene, {"frames": frames, "mask": mask})
    assert {picture.shape[0] for picture in (alone, seen, masked)} == {480}
    assert {picture.shape[1] % 2 for picture in (alone, seen, masked)} == {0}
    assert seen.shape == masked.shape
    assert seen.shape[1] > alone.shape[1]
    assert masked[200, -60].tolist() == seen[200, -60].tolist() == [200, 10, 60]
    assert masked[440, -60].tolist() == [50, 50, 50]  # 0.55 of the frame's mean of 90
    assert seen[440, -60].tolist() != masked[440, -60].tolist()


def test_a_single_frame_is_a_panel_too():
    frame = np.random.default_rng(0).integers(256, size=(237, 237, 3), dtype=np.uint8)
    picture = compose(np.zeros((480, 640, 3), np.uint8), frame)
    np.testing.assert_array_equal(picture[40:237, 646:883], frame[40:])  # below the title


def test_overlay_blends_by_the_masks_value():
    frame = np.random.default_rng(0).integers(256, size=(6, 7, 3), dtype=np.uint8)
    mask = np.random.default_rng(1).integers(256, size=(6, 7), dtype=np.uint8)
    picture = overlay(frame, mask)
    for row in range(6):
        for column in range(7):
            weight = mask[row, column] / 255
            for channel, colour in enumerate((255, 150, 20)):
                dim = 0.55 * frame[row, column].mean()
                lit = 0.3 * frame[row, column, channel] + 0.7 * colour
                assert abs(picture[row, column, channel] - ((1 - weight) * dim + weight * lit)) <= 0.51


def test_learning_curve_is_the_same_from_rows_and_from_a_file(tmp_path):
    with (tmp_path / "points.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(POINTS[0]))
        writer.writeheader()
        writer.writerows(POINTS)
    plot_learning_curve(POINTS, tmp_path / "rows.png")
    plot_learning_curve(tmp_path / "points.csv", tmp_path / "file.png")
    first, second = (imageio.imread(tmp_path / name) for name in ("rows.png", "file.png"))
    np.testing.assert_array_equal(first, second)
    assert len(list(tmp_path.iterdir())) == 3


def test_learning_curve_draws_the_agent_and_the_references(tmp_path):
    row = EpisodeRecord(0, 0, "horizon", {"episode_reward": 50.0, "distance": 30.0})
    plot_learning_curve(POINTS, tmp_path / "plain.png")
    plot_learning_curve(POINTS, tmp_path / "with.png", {"random": Evaluation([row])})
    plain, with_line = (imageio.imread(tmp_path / name)[..., :3] for name in ("plain.png", "with.png"))
    for picture, lines in ((plain, 0), (with_line, 2)):
        assert (np.abs(picture.astype(int) - (0, 114, 178)).sum(axis=-1) < 10).sum() > 500
        orange = np.abs(picture.astype(int) - (213, 94, 0)).sum(axis=-1) < 60
        assert (orange.sum() > 500) == (lines > 0)


def test_one_quantity_makes_one_panel(tmp_path):
    points = [{"agent_steps": point["agent_steps"], "distance": point["distance"]} for point in POINTS]
    plot_learning_curve(points, tmp_path / "one.png")
    plot_learning_curve(POINTS, tmp_path / "two.png")
    one, two = (imageio.imread(tmp_path / name).shape for name in ("one.png", "two.png"))
    assert one[0] == two[0]
    assert two[1] == 2 * one[1]


@pytest.mark.parametrize("points", [[], [{"agent_steps": 3, "loss": 0.1}]])
def test_nothing_to_draw_is_an_error(tmp_path, points):
    with pytest.raises(ValueError, match="agent_steps and episode_reward or distance"):
        plot_learning_curve(points, tmp_path / "none.png")
