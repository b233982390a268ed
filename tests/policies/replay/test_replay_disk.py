"""Replay buffers on disk: what is loaded is what was saved, whatever interrupts a save."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from semore_gym.policies.replay.frames import FrameReplayBuffer

ACTIONS = spaces.Box(-1, 1, (2,), np.float32)
FULL = ("frames", "residual", "mask")
STEPS = st.lists(
    st.sampled_from(["", "", "", "terminated", "truncated", "lost", "save", "masks"]), min_size=1, max_size=40
)


def fresh(buffer: FrameReplayBuffer) -> FrameReplayBuffer:
    """An empty buffer with the same arguments."""
    return FrameReplayBuffer(
        buffer.buffer_size * buffer.n_envs,
        buffer.observation_space,
        ACTIONS,
        "cpu",
        buffer.n_envs,
        mask_bits=buffer.mask_bits or 8,
        n_steps=buffer.n_steps,
    )


def assert_same_batches(a: FrameReplayBuffer, b: FrameReplayBuffer) -> None:
    assert a.sampleable == b.sampleable
    assert a.counts() == b.counts()
    if a.sampleable:
        batches = []
        for buffer in (a, b):
            np.random.seed(0)
            batches.append(buffer.sample_frames(64))
        for name, first, second in zip(batches[0]._fields, *batches, strict=True):
            assert np.array_equal(first, second), name


def files(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_size for file in folder.glob("frames-*.npz")}


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 100),
    keys=st.sampled_from([None, FULL]),
    rows=st.integers(1, 10),
    n_envs=st.integers(1, 2),
    mask_bits=st.sampled_from([1, 8]),
    n_steps=st.integers(1, 3),
    steps=STEPS,
    later=st.lists(st.sampled_from(["", "", "terminated"]), max_size=12),
)
def test_a_loaded_buffer_goes_on_like_the_saved_one(
    seed, keys, rows, n_envs, mask_bits, n_steps, steps, later, replay_pair, tmp_path_factory
):
    folder = tmp_path_factory.mktemp("buffer")
    pair = replay_pair(seed, keys, rows, n_envs, 3, "foreign", mask_bits=mask_bits, n_steps=n_steps)
    saved, rng = pair.buffer, np.random.default_rng(seed)
    for number, step in enumerate(steps):
        if step == "save":
            saved.save(folder, f"{number % 2}.json")
        elif step != "masks":
            pair.step([step] * n_envs)
        elif keys is not None and saved.sampleable:
            ids = saved.sample_frames(2).ids
            saved.set_masks(ids, rng.integers(0, 256, (2, 1, 4, 5), dtype=np.uint8))
    saved.save(folder)
    loaded = fresh(saved)
    loaded.load(folder)
    assert_same_batches(saved, loaded)
    for step in later:
        pair.step([step] * n_envs)  # into the saved one
        pair.buffer = loaded
        pair.repeat()
        pair.buffer = saved
        assert saved.starts.tolist() == loaded.starts.tolist()
        assert_same_batches(saved, loaded)
    loaded.save(folder)
    again = fresh(saved)
    again.load(folder)
    assert_same_batches(saved, again)


def test_a_second_save_writes_only_what_is_new(replay_pair, tmp_path):
    pair = replay_pair(0, FULL, 500, 1, 3, "repeat")
    for _ in range(400):
        pair.step([""])
    pair.buffer.save(tmp_path)
    before = files(tmp_path)
    pair.step([""])
    pair.buffer.save(tmp_path)
    after = files(tmp_path)
    assert before.items() <= after.items()
    assert sum(after.values()) - sum(before.values()) < sum(before.values()) / 10
    assert len(list(tmp_path.glob("state-*.npz"))) == 1
    pair.buffer.set_masks(np.array([5]), np.full((1, 1, 4, 5), 200, np.uint8))
    pair.buffer.save(tmp_path)
    assert len(files(tmp_path)) == len(after) + 1
    pair.buffer.save(tmp_path)  # nothing new
    assert len(files(tmp_path)) == len(after) + 1


def test_manifests_share_files_and_keep_them(replay_pair, tmp_path):
    pair = replay_pair(0, None, 20, 1, 3, "repeat")
    for _ in range(20):
        pair.step([""])
    pair.buffer.save(tmp_path, "old.json")
    old, kept = set(files(tmp_path)), fresh(pair.buffer)
    kept.load(tmp_path, "old.json")
    for _ in range(30):  # the ring is overwritten entirely
        pair.step([""])
    pair.buffer.save(tmp_path, "new.json")
    assert old < set(files(tmp_path))
    again = fresh(pair.buffer)
    again.load(tmp_path, "old.json")
    assert_same_batches(kept, again)
    (tmp_path / "old.json").unlink()
    pair.buffer.save(tmp_path, "new.json")
    assert not old & set(files(tmp_path))
    again.load(tmp_path, "new.json")
    assert_same_batches(pair.buffer, again)


def test_a_buffer_that_went_back_ignores_what_was_saved_since(replay_pair, tmp_path):
    pair = replay_pair(0, None, 50, 1, 3, "repeat")
    for _ in range(10):
        pair.step([""])
    pair.buffer.save(tmp_path, "a.json")
    back = fresh(pair.buffer)
    back.load(tmp_path, "a.json")
    for _ in range(10):
        pair.step([""])
    pair.buffer.save(tmp_path, "b.json")
    pair.buffer = back
    for _ in range(10):  # other frames under the same ids
        pair.step([""])
    back.save(tmp_path, "a.json")
    again = fresh(back)
    again.load(tmp_path, "a.json")
    assert_same_batches(back, again)


def test_a_folder_that_was_replaced_is_written_again(replay_pair, tmp_path):
    pair = replay_pair(0, None, 50, 1, 3, "repeat")
    pair.step([""])
    pair.buffer.save(tmp_path)
    for file in tmp_path.iterdir():
        file.unlink()
    pair.step([""])
    pair.buffer.save(tmp_path)
    loaded = fresh(pair.buffer)
    loaded.load(tmp_path)
    assert_same_batches(pair.buffer, loaded)


def test_what_load_and_save_refuse(replay_pair, tmp_path):
    pair = replay_pair(0, None, 8, 1, 3, "repeat")
    pair.step([""])
    with pytest.raises(ValueError, match=r"manifest must be the plain name"):
        pair.buffer.save(tmp_path, "../manifest.json")
    with pytest.raises(FileNotFoundError):
        pair.buffer.load(tmp_path)
    pair.buffer.save(tmp_path)
    with pytest.raises(ValueError, match="buffer_size // n_envs 8, this one has 9"):
        replay_pair(0, None, 9, 1, 3, "repeat").buffer.load(tmp_path)
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(ValueError, match="not a manifest"):
        pair.buffer.load(tmp_path, "other.json")


SIDE = 8


def numbered(step: int) -> np.ndarray:
    """The stack of a step, in episodes of 7, (1, 9, SIDE, SIDE)."""
    first = step - step % 7
    shades = [max(step - 2, first), max(step - 1, first), step]
    return np.repeat(np.array(shades) % 256, 3).astype(np.uint8)[None, :, None, None] * np.ones(
        (1, 1, SIDE, SIDE), np.uint8
    )


def numbered_buffer() -> FrameReplayBuffer:
    return FrameReplayBuffer(40, spaces.Box(0, 255, (9, SIDE, SIDE), np.uint8), ACTIONS, "cpu")


def add_numbered(buffer: FrameReplayBuffer, step: int) -> None:
    done = np.array([step % 7 == 6])
    following = np.concatenate(
        [numbered(step)[:, 3:], np.full((1, 3, SIDE, SIDE), (step + 1) % 256, np.uint8)], 1
    )
    buffer.add(numbered(step), following, np.full((1, 2), step / 1e4), np.full(1, float(step)), done, [{}])


def save_for_ever(folder: Path, saved: ctypes.c_longlong) -> None:
    buffer = numbered_buffer()
    if (folder / "manifest.json").exists():
        buffer.load(folder)
    while True:
        for step in range(buffer.ring.added, buffer.ring.added + 3):
            add_numbered(buffer, step)
        buffer.save(folder)
        saved.value = buffer.ring.added


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_save_that_is_killed_leaves_the_one_before(tmp_path):
    context, rng = multiprocessing.get_context("fork"), np.random.default_rng()
    saved = context.Value("q", 0, lock=False)  # a killed process would keep the lock
    for _ in range(12):
        before = saved.value
        process = context.Process(target=save_for_ever, args=(tmp_path, saved))
        process.start()
        while saved.value == before and process.is_alive():
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.02))
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert process.exitcode == -signal.SIGKILL
        loaded, expected = numbered_buffer(), numbered_buffer()
        loaded.load(tmp_path)
        assert saved.value <= loaded.ring.added <= saved.value + 3
        for step in range(loaded.ring.added):
            add_numbered(expected, step)
        np.testing.assert_array_equal(loaded.ring.rewards, expected.ring.rewards)
        np.random.seed(0)
        mine = loaded.sample_frames(200)
        np.random.seed(0)
        for name, first, second in zip(mine._fields, mine, expected.sample_frames(200), strict=True):
            assert name == "ids" or np.array_equal(first, second), name
