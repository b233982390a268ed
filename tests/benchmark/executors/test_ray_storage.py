"""Run folders in object stores, and who may write into them; without Ray."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from semore_gym.benchmark.executors.ray_storage import RunStorage, Stored, needed_files
from semore_gym.benchmark.executors.ray_trial import CLAIM, SharedFolder, StoredFolder, TakenError
from semore_gym.benchmark.executors.worker import PROCESS
from semore_gym.config import TrainConfig
from semore_gym.training.run_folder import RunFolder

pytest.importorskip("fsspec", reason='needs pip install "semore-gym[ray]"')

CONFIG = TrainConfig(steps=200)
OLD, NEW = "checkpoints/step-000000020/model.zip", "checkpoints/step-000000040/model.zip"
LEASHED = """
import sys, time
from pathlib import Path
from semore_gym.benchmark.executors.worker import Worker
worker = Worker.start(Path(sys.argv[1]), {}, leashed=True)
print(worker.process.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A run in training, with what a kill leaves behind."""
    run = RunFolder.create(CONFIG, tmp_path / "run")
    names = [OLD, NEW, "checkpoints/step-000000060.unfinished/model.zip", "episodes.csv", "output.log"]
    for name in [*names, "replay/frames-1.npz", "replay/step-000000040.tmp", PROCESS]:
        write(run, name, name)
    return run


def write(run: RunFolder, name: str, text: str) -> None:
    path = run.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def copy(storage: RunStorage, to: Path) -> dict[str, str]:
    """What somebody else would go on from."""
    RunStorage(storage.url).pull(to)
    return {path.relative_to(to).as_posix(): path.read_text() for path in to.rglob("*") if path.is_file()}


@pytest.fixture(params=["file", "memory"])
def storage(request, tmp_path: Path) -> RunStorage:
    return RunStorage(f"{request.param}://{tmp_path}/store/trials/sac")


def test_the_newest_whole_checkpoint_comes_first_and_what_nobody_needs_stays(run):
    needed = ["config.json", "episodes.csv", "output.log", "replay/frames-1.npz"]
    assert needed_files(run) == [NEW, *needed]
    run.write_rows("evaluations", [{"agent_steps": 200}])
    write(run, "videos/step-000000200.mp4", "moves")
    assert "replay/frames-1.npz" not in needed_files(run)
    assert needed_files(run)[-1] == "videos/step-000000200.mp4"


def test_what_is_pushed_comes_back(run, storage, tmp_path):
    assert storage.read() == Stored()
    assert storage.text("config.json") is None
    storage.write(storage.push(run, storage.read(), attempt="a", node="n"))
    assert storage.text("config.json") == CONFIG.to_json()
    assert (storage.read().attempt, storage.read().node) == ("a", "n")
    assert copy(storage, tmp_path / "copy") == {
        name: (run.path / name).read_text() for name in needed_files(run)
    }


def test_a_push_that_was_never_finished_counts_for_nothing(run, storage, tmp_path):
    storage.write(storage.push(run, storage.read()))
    before = copy(storage, tmp_path / "before")
    write(run, "episodes.csv", "more rows")
    write(run, "checkpoints/step-000000080/model.zip", "newer")
    storage.push(run, storage.read())  # killed before it could write the manifest
    assert copy(storage, tmp_path / "after") == before


def test_only_what_has_changed_is_sent_and_old_versions_are_deleted(run, storage):
    storage.write(storage.push(run, storage.read()))
    before = storage.read().files
    write(run, "episodes.csv", "more rows")
    storage.write(storage.push(run, storage.read()))
    after = storage.read().files
    assert {name for name in before if after[name] != before[name]} == {"episodes.csv"}
    there = {path.split("/store/trials/sac/")[1] for path in storage._files.find(storage._path("files"))}
    assert there == set(after.values())


def test_one_that_goes_on_elsewhere_sends_only_what_is_new(run, storage, tmp_path):
    storage.write(storage.push(run, storage.read()))
    before = storage.read().files
    other = RunStorage(storage.url)
    other.pull(tmp_path / "other")
    copied = RunFolder(tmp_path / "other")
    write(copied, "output.log", "going on")
    other.write(other.push(copied, other.read()))
    after = other.read().files
    assert {name for name in before if after[name] != before[name]} == {"output.log"}


def test_a_table_is_fetched_again_when_it_has_changed(run, storage, tmp_path):
    storage.write(storage.push(run, storage.read()))
    reader = RunStorage(storage.url)
    reader.pull(tmp_path / "copy", lambda name: name == "episodes.csv")
    assert [path.name for path in (tmp_path / "copy").iterdir()] == ["episodes.csv"]
    write(run, "episodes.csv", "more rows")
    storage.write(storage.push(run, storage.read()))
    reader.pull(tmp_path / "copy", lambda name: name == "episodes.csv")
    assert (tmp_path / "copy/episodes.csv").read_text() == "more rows"


def test_an_unknown_protocol_is_refused():
    with pytest.raises(ValueError, match="storage 'ftpx://somewhere' cannot be used"):
        RunStorage("ftpx://somewhere")


def hand_over(first: StoredFolder, second: StoredFolder) -> None:
    with first.claimed("one") as folder:
        assert folder.name == "sac"  # the rows name the trial by its folder
        write(RunFolder(folder), NEW, "weights")
        write(RunFolder(folder), "episodes.csv", "rows")
        first.keep("one")
        write(RunFolder(folder), "episodes.csv", "rows that are never sent")
        with second.claimed("two") as other:
            assert first.holder().attempt == "two"
            assert (other / NEW).read_text() == "weights"
            assert (other / "episodes.csv").read_text() == "rows"
            first.keep("one")


def test_a_stored_trial_is_taken_over_with_all_that_was_kept(storage, monkeypatch):
    monkeypatch.setattr("semore_gym.benchmark.executors.ray_trial.GRACE", 0.0)
    first, second = (StoredFolder(RunStorage(storage.url), "sac", CONFIG) for _ in range(2))
    with pytest.raises(TakenError, match="another benchmark trains sac"):
        hand_over(first, second)
    assert first.holder().attempt is None


def test_a_shared_folder_has_one_trainer(run, monkeypatch):
    monkeypatch.setattr("semore_gym.benchmark.executors.ray_trial.GRACE", 0.0)
    place = SharedFolder(run.path)
    assert place.holder().attempt is None
    with place.claimed("one") as folder:
        assert folder == run.path
        place.keep("one")
        assert place.holder().attempt == "one"
        with place.claimed("two"), pytest.raises(TakenError):
            place.keep("one")
        write(run, CLAIM, json.dumps({"attempt": "three", "node": "n"}))
    assert place.holder().attempt == "three"


def test_a_folder_that_a_node_does_not_see_is_named(tmp_path):
    unseen = pytest.raises(ValueError, match=r"does not see .*nowhere: choose a folder that all nodes share")
    with unseen, SharedFolder(tmp_path / "nowhere").claimed("one"):
        pass


def test_a_leashed_training_ends_with_whoever_started_it(tmp_path):
    run = RunFolder.create(TrainConfig(image_size=36, steps=100_000, device="cpu"), tmp_path / "run")
    command = [sys.executable, "-c", LEASHED, str(run.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        training = psutil.Process(int(parent.stdout.readline()))
        while training.is_running() and not (run.path / "evaluations.csv").exists():
            time.sleep(0.05)
        assert training.is_running(), (run.path / "output.log").read_text()
        parent.send_signal(signal.SIGKILL)
        training.wait(timeout=120)
