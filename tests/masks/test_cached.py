import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from helpers.providers import Threshold
from semore_gym.masks import OracleMasks
from semore_gym.masks.cached import CachedMasks, pack, unpack


def frames(count=4, seed=0, size=(9, 11)):
    return np.random.default_rng(seed).integers(0, 256, (count, 3, *size), np.uint8)


def files(folder):
    return sorted(path for path in Path(folder).rglob("*") if path.is_file())


def test_only_what_is_missing_is_made(tmp_path):
    provider = Threshold()
    masks = CachedMasks(provider, tmp_path)
    expected = Threshold()(frames(6))
    np.testing.assert_array_equal(masks(frames(6)[:4]), expected[:4])
    np.testing.assert_array_equal(masks(frames(6)), expected)
    np.testing.assert_array_equal(masks(frames(6)[::-1]), expected[::-1])
    assert provider.asked == 6
    assert masks.counts() == {
        "asked": 6,
        "failed": 0,
        "cache_hits": 10,
        "cache_misses": 6,
        "cache_corrupt": 0,
        "cache_evicted": 0,
        "cache_errors": 0,
    }


def test_equal_frames_of_a_batch_are_made_once(tmp_path):
    provider = Threshold()
    batch = frames(2)[[0, 1, 0, 0]]
    np.testing.assert_array_equal(CachedMasks(provider, tmp_path)(batch), Threshold()(batch))
    assert provider.asked == 2


def test_another_identity_shape_or_pixel_is_another_mask(tmp_path):
    provider = Threshold()
    CachedMasks(provider, tmp_path)(frames(1))
    other = Threshold()
    other.identity = "threshold 2"
    CachedMasks(other, tmp_path)(frames(1))
    assert other.asked == 1
    masks = CachedMasks(provider, tmp_path)
    assert masks(frames(1).reshape(1, 3, 11, 9)).shape == (1, 1, 11, 9)
    changed = frames(1)
    changed[0, 2, -1, -1] ^= 1
    masks(changed)
    assert provider.asked == 3


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: b"",
        lambda content: content[:-1],
        lambda content: content[:20],
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: bytes([content[0] ^ 1]) + content[1:],
        lambda content: b"\x80\x04cos\nsystem\n(X\x05\x00\x00\x00falsetR.",
        lambda content: pack(np.zeros((1, 9, 11), np.uint8), "another name"),
    ],
)
def test_a_damaged_file_is_counted_and_made_anew(tmp_path, spoil):
    provider = Threshold()
    masks = CachedMasks(provider, tmp_path)
    expected = masks(frames(3))
    victim = files(tmp_path)[1]
    victim.write_bytes(spoil(victim.read_bytes()))
    np.testing.assert_array_equal(masks(frames(3)), expected)
    assert provider.asked == 4
    assert masks.counts()["cache_corrupt"] == 1
    np.testing.assert_array_equal(masks(frames(3)), expected)
    assert provider.asked == 4


def test_packing_keeps_every_byte():
    mask = frames(1)[0, :1]
    packed = pack(mask, "name")
    np.testing.assert_array_equal(unpack(packed, mask.shape, "name"), mask)
    assert unpack(packed, mask.shape, "another") is None
    for size in ((1, 3, 3), (1, 500, 500)):
        assert unpack(packed, size, "name") is None


def test_a_file_under_anothers_name_is_damaged(tmp_path):
    masks = CachedMasks(Threshold(), tmp_path)
    expected = masks(frames(2))
    one, other = files(tmp_path)
    one.replace(other)
    np.testing.assert_array_equal(masks(frames(2)), expected)
    assert masks.counts()["cache_corrupt"] == 1


@contextmanager
def full_disk():
    """No file may grow, which is as an OSError as a disk without room."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_costs_the_cache_alone(tmp_path, caplog):
    provider = Threshold()
    masks = CachedMasks(provider, tmp_path)
    expected = Threshold()(frames(3))
    with full_disk():
        for asked in (3, 6):
            np.testing.assert_array_equal(masks(frames(3)), expected)
            assert provider.asked == masks.counts()["cache_errors"] == asked
    assert not files(tmp_path), "what could not be finished is cleared away"
    (record,) = caplog.records
    assert "the cache of masks fails, and they are made without its help: " in record.getMessage()
    masks(frames(3))
    masks(frames(3))
    assert provider.asked == 9, "it is used again when there is room"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_cache_that_may_only_be_read_is_read(tmp_path):
    CachedMasks(Threshold(), tmp_path)(frames(3))
    provider, folders = Threshold(), [tmp_path, *(path.parent for path in files(tmp_path))]
    masks = CachedMasks(provider, tmp_path)
    for folder in folders:
        folder.chmod(0o555)
    try:
        np.testing.assert_array_equal(masks(frames(9)), Threshold()(frames(9)))
    finally:
        for folder in folders:
            folder.chmod(0o755)
    assert provider.asked == masks.counts()["cache_errors"] == 6


def test_what_stands_in_a_masks_place_is_worked_around(tmp_path):
    provider, limit = Threshold(), 16 * 4096
    masks = CachedMasks(provider, tmp_path, limit)
    masks(frames(2))
    one, other = files(tmp_path)
    one.unlink()
    one.mkdir()
    os.utime(one, (0, 0))  # what would be evicted first
    other.unlink()
    other.parent.rmdir()
    other.parent.write_bytes(b"")
    for asked in (4, 6):
        np.testing.assert_array_equal(masks(frames(2)), Threshold()(frames(2)))
        assert provider.asked == asked
    assert masks.counts()["cache_errors"] == 8, "two read, two written, twice"
    for seed in range(40):
        masks(frames(1, seed=seed))
    assert len(files(tmp_path)) < 20


def test_a_mask_lost_to_a_fault_is_not_kept(tmp_path):
    class Failing(Threshold):
        def __call__(self, frames):
            self.failed += 1
            masks = super().__call__(frames)
            masks[0] = 0
            return masks

    CachedMasks(Failing(), tmp_path)(frames(3))
    provider = Threshold()
    np.testing.assert_array_equal(CachedMasks(provider, tmp_path)(frames(3)), Threshold()(frames(3)))
    assert provider.asked == 1


def test_a_blank_mask_that_is_meant_is_kept(tmp_path):
    provider, dark = Threshold(), np.zeros((1, 3, 8, 8), np.uint8)
    masks = CachedMasks(provider, tmp_path)
    for _ in range(2):
        assert not masks(dark).any()
    assert provider.asked == 1


def test_the_folder_stays_within_its_limit_and_keeps_what_is_used(tmp_path):
    limit = 64 * 4096
    masks = CachedMasks(Threshold(), tmp_path, size_limit=limit)
    favourite = frames(1, seed=999)
    for seed in range(200):
        masks(favourite)
        masks(frames(1, seed=seed))
        time.sleep(0.001)  # so that the files' times differ
    assert len(files(tmp_path)) <= 64 * 17 // 16
    counts = masks.counts()
    assert counts["cache_evicted"] == 201 - len(files(tmp_path))
    assert counts["cache_hits"] == 199, "the favourite was never evicted"


def test_what_a_killed_process_left_is_swept_up(tmp_path):
    (tmp_path / "ab").mkdir()
    old, young = tmp_path / "ab" / "1.unfinished", tmp_path / "ab" / "2.unfinished"
    for path in (old, young):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    CachedMasks(Threshold(), tmp_path, size_limit=4096)(frames(1))
    assert not old.exists()
    assert young.exists()


HAMMER = """
import sys
import numpy as np
from helpers.providers import Threshold
from semore_gym.masks.cached import CachedMasks
frames = np.random.default_rng(0).integers(0, 256, (60, 3, 40, 40), np.uint8)
expected = Threshold()(frames)
masks = CachedMasks(Threshold(), {folder!r}, size_limit=40 * 4096)
rng = np.random.default_rng(int(sys.argv[1]))
print("ready", flush=True)
for _ in range(int(sys.argv[2])):
    chosen = rng.integers(0, 60, 8)
    assert (masks(frames[chosen]) == expected[chosen]).all()
assert masks.counts()["cache_corrupt"] == 0
"""


def test_processes_share_a_folder_also_when_one_is_killed(tmp_path):
    code = HAMMER.format(here=str(Path(__file__).parent), folder=str(tmp_path))

    def hammer(seed, rounds):
        command = [sys.executable, "-c", code, str(seed), str(rounds)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    victim, others = hammer(0, 10**9), [hammer(seed, 150) for seed in (1, 2, 3)]
    assert victim.stdout.readline() == "ready\n"
    time.sleep(0.2)
    victim.send_signal(signal.SIGKILL)
    assert victim.wait() == -signal.SIGKILL
    assert [other.wait() for other in others] == [0, 0, 0]
    whole = np.random.default_rng(0).integers(0, 256, (60, 3, 40, 40), np.uint8)
    masks = CachedMasks(Threshold(), tmp_path)
    np.testing.assert_array_equal(masks(whole), Threshold()(whole))
    assert masks.counts()["cache_corrupt"] == 0
    assert masks.counts()["cache_hits"] > 0


def test_bad_arguments_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"provider must have an identity.*OracleMasks has None"):
        CachedMasks(OracleMasks(), tmp_path)
    with pytest.raises(ValueError, match="size_limit must be at least 4096 bytes, got 10"):
        CachedMasks(Threshold(), tmp_path, size_limit=10)


def test_the_habit_of_the_provider_is_kept(tmp_path):
    class Often(Threshold):
        every = 1

    assert CachedMasks(Often(), tmp_path).every == 1
    assert not hasattr(CachedMasks(Threshold(), tmp_path), "every")
