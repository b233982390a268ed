"""What comes out of FrameReplayBuffer is what went in, however little of it is kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch as th
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from semore_gym.policies.replay.frames import FrameReplayBuffer
from semore_gym.policies.replay.rows import DeviceRows, HostRows
from semore_gym.policies.replay.storage import FrameStore

ACTIONS = spaces.Box(-1, 1, (2,), np.float32)
BOX = spaces.Box(0, 255, (9, 4, 5), np.uint8)
KEYS = st.sampled_from(
    [None, ("frames",), ("frames", "residual"), ("frames", "mask"), ("frames", "residual", "mask")]
)
EVENTS = st.sampled_from(["", "", "", "", "terminated", "truncated", "lost", "restart"])


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 1000),
    keys=KEYS,
    rows=st.integers(1, 12),
    n_envs=st.integers(1, 3),
    history=st.integers(1, 4),
    padding=st.sampled_from(["repeat", "zeros", "foreign"]),
    mask_bits=st.sampled_from([1, 8]),
    n_steps=st.integers(1, 4),
    judged=st.sampled_from([0, 8, 10**6]),
    data=st.data(),
)
def test_samples_equal_those_of_whole_observations(
    seed, keys, rows, n_envs, history, padding, mask_bits, n_steps, judged, data, replay_pair
):
    np.random.seed(seed)
    arguments = {"mask_bits": mask_bits, "n_steps": n_steps, "gamma": 0.9}
    pair = replay_pair(seed, keys, rows, n_envs, history, padding, judged, **arguments)
    steps = data.draw(st.lists(st.lists(EVENTS, min_size=n_envs, max_size=n_envs), min_size=1, max_size=30))
    for events in steps:
        for env, event in enumerate(events):
            if event == "restart":
                pair.restart(env)
        pair.step(["" if event == "restart" else event for event in events])
    pair.check()


def test_an_episode_takes_one_frame_more_than_it_has_steps(replay_pair):
    pair = replay_pair(0, None, 64, 1, 3, "repeat")
    for step in range(32):
        pair.step(["truncated" if step % 8 == 7 else ""])
    assert len(pair.buffer.store.live()) == 4 * (8 + 1)


@pytest.mark.parametrize("episode", [1, 3, 50])
def test_memory_follows_the_frames_that_are_needed(episode):
    side, size = 32, 640
    space = spaces.Box(0, 255, (9, side, side), np.uint8)
    buffer = FrameReplayBuffer(size, space, ACTIONS, "cpu")
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 256, (4, 3, side, side), dtype=np.uint8)
    following = np.zeros((9, side, side), np.uint8)
    for step in range(3 * size):
        first = step % episode == 0
        stack = np.concatenate([frames[step % 4]] * 3) if first else following
        following = np.concatenate([stack[3:], frames[(step + 1) % 4]])
        done = np.array([(step + 1) % episode == 0])
        buffer.add(stack[None], following[None], np.zeros((1, 2)), np.ones(1), done, [{}])
    needed = size * (episode + 1) / episode * 3 * side * side
    assert buffer.nbytes <= 1.06 * needed  # small frames: a transition's own 60 bytes weigh 2% here


def test_masks_arrive_late_and_only_where_the_frame_is_still_stored(replay_pair):
    pair = replay_pair(1, ("frames", "mask"), 8, 1, 3, "repeat")
    for _ in range(8):
        pair.step([""])
    old = pair.buffer.sample_frames(200)
    assert old.one_step
    for _ in range(4):
        pair.step([""])
    ids, first = np.unique(old.ids.numpy(), return_index=True)
    masks = np.arange(len(ids), dtype=np.uint8).reshape(-1, 1, 1, 1) * np.ones((1, 1, 4, 5), np.uint8) + 100
    gone = [not any(np.array_equal(old.actions[b], item.action) for item in pair.lines[0]) for b in first]
    assert pair.buffer.set_masks(ids, masks) == len(ids) - sum(gone) + 2  # two live on in a history
    batch = pair.buffer.sample_frames(200)
    known = {int(id_): mask for id_, mask in zip(ids, masks, strict=True)}
    seen = 0
    for b, id_ in enumerate(batch.ids.tolist()):
        if id_ in known:
            np.testing.assert_array_equal(batch.masks[b], known[id_])
            seen += 1
    assert seen > 0
    pair.step([""])  # continues the same episode all the same
    assert not pair.buffer.starts[0]


def test_the_same_frames_with_another_mask_start_an_episode():
    parts = {"frames": BOX, "mask": spaces.Box(0, 255, (1, 4, 5), np.uint8)}
    buffer = FrameReplayBuffer(8, spaces.Dict(parts), ACTIONS, "cpu")
    frames = np.zeros((1, 9, 4, 5), np.uint8)
    observations = [{"frames": frames, "mask": np.full((1, 1, 4, 5), shade, np.uint8)} for shade in (1, 2, 3)]
    for obs, following in ((0, 1), (1, 2), (0, 1)):  # goes on, then starts again
        both = observations[obs], observations[following]
        buffer.add(*both, np.full((1, 2), obs / 4), np.zeros(1), np.zeros(1), [{}])
        assert buffer.starts[0] == (obs == 0)
    samples = buffer.sample(50)
    assert th.equal(samples.observations["mask"][:, 0, 0, 0], (samples.actions[:, 0] * 4 + 1).to(th.uint8))
    assert th.equal(
        samples.next_observations["mask"][:, 0, 0, 0], (samples.actions[:, 0] * 4 + 2).to(th.uint8)
    )


def test_an_episode_that_begins_as_the_last_one_ended_is_another():
    buffer = FrameReplayBuffer(8, BOX, ACTIONS, "cpu")
    still = np.zeros((1, 9, 4, 5), np.uint8)
    for done in (False, True, False):
        buffer.add(still, still, np.zeros((1, 2)), np.zeros(1), np.array([done]), [{}])
    assert buffer.starts[0]


def test_a_slot_that_is_used_again_has_no_mask():
    store = FrameStore((2, 4), 8, 1, th.device("cpu"))
    first = store.put_stack(np.ones((3, 2, 4), np.uint8), np.full((1, 2, 4), 9, np.uint8))
    store.hold(first)
    store.release(first)
    second = store.put_stack(np.ones((3, 2, 4), np.uint8), None)
    assert second == first
    assert not store.masked[second]
    store.put_mask(int(second[0]), np.zeros((1, 2, 4), np.uint8))
    assert not store.packed_masks(second).any()


def test_what_set_masks_refuses(replay_pair):
    pair = replay_pair(1, ("frames", "mask"), 8, 1, 3, "repeat")
    pair.step([""])
    with pytest.raises(ValueError, match=r"masks must be \(1, 1, 4, 5\) uint8"):
        pair.buffer.set_masks(np.array([0]), np.zeros((1, 4, 5), np.uint8))
    with pytest.raises(ValueError, match="needs an observation space with a 'mask'"):
        replay_pair(1, None, 8, 1, 3, "repeat").buffer.set_masks(
            np.array([0]), np.zeros((1, 1, 4, 5), np.uint8)
        )


def test_mask_coverage_counts_frames_with_a_mask(replay_pair):
    pair = replay_pair(3, ("frames", "mask"), 32, 1, 3, "repeat")
    for _ in range(32):
        pair.step([""])
    masked = sum(bool(item.obs["mask"].any()) for item in pair.lines[0])
    masked += bool(pair.lines[0][-1].next_obs["mask"].any())
    assert pair.buffer.counts()["mask_coverage"] == masked / 33


def test_a_residual_that_is_not_the_frames_is_refused():
    parts = {"frames": BOX, "residual": spaces.Box(-255, 255, (6, 4, 5), np.int16)}
    buffer = FrameReplayBuffer(8, spaces.Dict(parts), ACTIONS, "cpu")
    obs = {"frames": np.zeros((1, 9, 4, 5), np.uint8), "residual": np.zeros((1, 6, 4, 5), np.int16)}
    buffer.add(obs, obs, np.zeros((1, 2)), np.zeros(1), np.zeros(1), [{}])
    wrong = {**obs, "residual": obs["residual"] + 1}
    with pytest.raises(ValueError, match="difference of adjacent frames"):
        buffer.add(obs, wrong, np.zeros((1, 2)), np.zeros(1), np.zeros(1), [{}])


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (spaces.Box(0, 1, (9, 4, 5), np.float32), "uint8"),
        (spaces.Box(0, 255, (84, 84, 3), np.uint8), "stacked RGB frames"),
        (spaces.Box(0, 255, (4, 8, 8), np.uint8), "stacked RGB frames"),
        (spaces.Discrete(3), "stacked RGB frames"),
        (spaces.Dict({"mask": spaces.Box(0, 255, (1, 4, 5), np.uint8)}), "'frames'"),
        (spaces.Dict({"frames": BOX, "speed": spaces.Box(0, 1, (1,))}), "speed"),
        (spaces.Dict({"frames": BOX, "mask": spaces.Box(0, 255, (1, 5, 5), np.uint8)}), r"\['mask'\]"),
        (spaces.Dict({"frames": BOX, "residual": spaces.Box(0, 255, (6, 4, 5), np.uint8)}), "int16"),
    ],
)
def test_other_spaces_are_refused(space, message):
    with pytest.raises(ValueError, match=message):
        FrameReplayBuffer(8, space, ACTIONS, "cpu")


@pytest.mark.parametrize(
    "wrong",
    [{"mask_bits": 2}, {"n_steps": 0}, {"gamma": 1.5}, {"buffer_size": 0}, {"optimize_memory_usage": True}],
)
def test_wrong_arguments_are_named(wrong):
    arguments = {"buffer_size": 8, "observation_space": BOX, "action_space": ACTIONS, **wrong}
    with pytest.raises(ValueError, match=next(iter(wrong))):
        FrameReplayBuffer(**arguments)


def test_rows_on_a_device_are_those_of_the_host():
    host, device = HostRows((6,), 4), DeviceRows((6,), 4, th.device("cpu"))
    rng = np.random.default_rng(0)
    for rows in (host, device):
        rows.grow()
        rows.grow()
    for slot in (0, 5, 7, 5):
        row = rng.integers(0, 256, 6, dtype=np.uint8)
        host.write(slot, row)
        device.write(slot, row)
    slots = np.array([7, 5, 5, 0, 1], np.int32)
    assert th.equal(host.gather(slots), device.gather(slots))
    assert th.equal(host.gather_bits(slots), device.gather_bits(slots))
    assert host.nbytes == device.nbytes == 48
