import numpy as np

from semore_gym.envs.hud import draw_hud

INFO = {
    "speed": 12.5,
    "steer": 0.0,
    "throttle": 0.0,
    "brake": 0.0,
    "distance": 2.5,
    "tick": 40,
    "rewards": {"progress": 2.5, "steer": -0.5},
    "end_reason": "",
}


def changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return (before != after).any(axis=-1)


def test_the_display_covers_a_corner_and_leaves_the_frame():
    frame = np.full((480, 640, 3), 128, np.uint8)
    shown = draw_hud(frame, INFO)
    assert (shown.shape, shown.dtype) == (frame.shape, np.uint8)
    assert (frame == 128).all()
    where = changed(frame, shown)
    assert where[:110, :260].any()
    assert not where[110:].any()
    assert not where[:, 260:].any()


def test_bars_follow_the_controls():
    frame = np.zeros((480, 640, 3), np.uint8)
    idle = draw_hud(frame, INFO)
    columns = {}
    for name, value in (("steer", -1.0), ("steer", 1.0), ("throttle", 1.0), ("brake", 0.5)):
        columns[name, value] = np.nonzero(changed(idle, draw_hud(frame, {**INFO, name: value})))[1]
    assert columns["steer", -1.0].max() < columns["steer", 1.0].max()
    assert columns["steer", -1.0].min() < columns["steer", 1.0].min()
    assert np.ptp(columns["throttle", 1.0]) > 1.8 * np.ptp(columns["brake", 0.5])


def test_speed_and_reward_are_written_and_the_end_is_announced():
    frame = np.zeros((480, 640, 3), np.uint8)
    base = draw_hud(frame, INFO)
    assert changed(base, draw_hud(frame, {**INFO, "speed": 20.0})).any()
    assert changed(base, draw_hud(frame, {**INFO, "rewards": {"progress": 1.0}})).any()
    ended = changed(base, draw_hud(frame, {**INFO, "end_reason": "off_road"}))
    assert ended[150:260, 200:440].any()


def test_numbers_of_any_length_stay_beside_the_bars():
    # changing the numbers touches nothing under or right of the bars' names, which begin at column 130
    frame = np.full((480, 640, 3), 128, np.uint8)
    base = draw_hud(frame, INFO)
    for speed, reward, tick in ((100.0, 123.45, 1000), (27.9, -999.99, 99_999), (99.9, -123_456.0, 123_456)):
        shown = draw_hud(frame, {**INFO, "speed": speed, "rewards": {"progress": reward}, "tick": tick})
        columns = np.nonzero(changed(base, shown))[1]
        assert columns.max() < 126
        assert columns.min() > 12
