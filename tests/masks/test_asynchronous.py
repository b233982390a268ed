import functools
import logging
import os
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from helpers.providers import Announced, Moody, Threshold, Unmakable
from semore_gym.masks.asynchronous import AsyncMasks

PATIENCE = 30.0  # [s]


def frames(*moods):
    made = np.random.default_rng(0).integers(0, 256, (len(moods), 3, 8, 10), np.uint8)
    made[:, 0, 0, 0] = moods
    return made


def wait_for(condition):
    end = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.01)
    return found


def collect(masks, count):
    """The next `count` masks by id."""
    found = {}

    def enough():
        ids, made = masks.collect()
        found.update(zip(ids.tolist(), made, strict=True))
        return len(found) >= count

    wait_for(enough)
    return found


@pytest.fixture
def children():
    """children() -> worker processes of this test, zombies too, but not python's resource tracker."""
    before = {child.pid for child in psutil.Process().children()}

    def found():
        new = [child for child in psutil.Process().children() if child.pid not in before]
        return [child for child in new if "resource_tracker" not in words(child)]

    return found


def words(process):
    try:
        return " ".join(process.cmdline())
    except psutil.ZombieProcess:
        return ""
    except psutil.NoSuchProcess:
        return "resource_tracker"  # gone between the two questions: no worker


def test_masks_come_back_under_the_ids_of_their_frames(children):
    with AsyncMasks(Threshold, batch_size=3) as masks:
        given = frames(*[0] * 7)
        assert masks.submit(np.arange(100, 107), given) == 7
        found = collect(masks, 7)
        expected = dict(zip(range(100, 107), Threshold()(given), strict=True))
        assert found.keys() == expected.keys()
        for id_, mask in expected.items():
            np.testing.assert_array_equal(found[id_], mask)
        counts = masks.counts()
    assert counts["asked"] == counts["made"] == counts["submitted"] == 7
    assert counts["lost"] == counts["skipped"] == counts["restarts"] == counts["waiting"] == 0
    assert not children()


def test_nothing_finished_is_an_empty_answer():
    with AsyncMasks(Threshold) as masks:
        ids, made = masks.collect()
    assert len(ids) == len(made) == 0


def test_a_full_queue_skips_and_never_waits(children):
    with AsyncMasks(functools.partial(Threshold, 3600.0), waiting=4, batch_size=1) as masks:
        taken = sum(masks.submit(np.array([id_]), frames(0)) for id_ in range(50))
        assert 4 <= taken <= 5
        counts = masks.counts()
        assert counts["skipped"] == 50 - taken
    assert not children()


@pytest.mark.parametrize(
    ("mood", "message"),
    [
        (1, "the provider raised RuntimeError: bad mood"),
        (2, "killed after 1 s without an answer"),
        (3, "the process that makes masks died"),
        (4, "must return masks of uint8"),
    ],
)
def test_a_failed_batch_is_given_up_and_the_next_is_made(mood, message, caplog, children):
    with (
        caplog.at_level(logging.WARNING, "semore_gym"),
        AsyncMasks(Moody, batch_size=1, deadline=1.0) as masks,
    ):
        masks.submit(np.array([0, 1, 2]), frames(0, mood, 0))
        assert collect(masks, 2).keys() == {0, 2}
        counts = masks.counts()
    assert message in caplog.text
    assert counts["lost"] == counts["batches_failed"] == 1
    assert counts["restarts"] == (mood in (2, 3))
    assert not children()


def test_a_worker_killed_in_the_middle_of_a_batch_is_replaced(tmp_path, caplog, children):
    note = tmp_path / "pid"
    with AsyncMasks(functools.partial(Announced, note, 0.5), batch_size=1) as masks:
        masks.submit(np.array([0, 1]), frames(0, 0))
        first = int(wait_for(lambda: note.exists() and note.read_text()))
        time.sleep(0.1)
        os.kill(first, signal.SIGKILL)
        assert collect(masks, 1).keys() == {1}
        assert masks.counts()["restarts"] == 1
        assert int(note.read_text()) != first
    assert "died" in caplog.text
    assert not children()


@pytest.mark.parametrize("make_provider", [Unmakable, functools.partial(Moody)])
def test_repeated_failure_ends_the_masks_with_an_error(make_provider, caplog, children):
    with AsyncMasks(make_provider, batch_size=1, max_failures=3) as masks:
        masks.submit(np.arange(6), frames(*[1] * 6))
        wait_for(lambda: "no more masks are made: 3 batches in a row failed" in caplog.text)
        wait_for(lambda: not children())
        assert masks.submit(np.array([9]), frames(0)) == 0, "what nobody will make is skipped"
        assert masks.counts()["lost"] == 3


def test_a_hung_worker_does_not_hold_up_the_end(children):
    masks = AsyncMasks(Moody)
    masks.submit(np.array([0, 1]), frames(2, 0))
    wait_for(children)
    masks.close()
    masks.close()
    assert not children()


@pytest.mark.slow
@pytest.mark.parametrize("end", ["sys.exit()", "os.kill(os.getpid(), signal.SIGKILL)", "1 / 0"])
def test_no_process_outlives_the_training(end, children):
    code = f"""
import os, signal, sys, time
import numpy as np, psutil
from helpers.providers import Moody
from semore_gym.masks.asynchronous import AsyncMasks
masks = AsyncMasks(Moody)
frames = np.full((1, 3, 8, 8), 2, np.uint8)
masks.submit(np.array([0]), frames)
workers = []
while not workers:
    children = psutil.Process().children()
    workers = [child.pid for child in children if "spawn_main" in " ".join(child.cmdline())]
print(workers[0], flush=True)
{end}
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE)
    assert run.returncode == {"s": 0, "o": -signal.SIGKILL, "1": 1}[end[0]]
    worker = int(run.stdout)
    wait_for(lambda: not psutil.pid_exists(worker))


def test_bad_numbers_are_refused():
    with pytest.raises(ValueError, match="deadline must be positive, got 0"):
        AsyncMasks(Threshold, deadline=0)
