"""Tiny benchmarks on a real Ray cluster of several nodes, which are killed."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from helpers.benchmarks import (
    BROKEN,
    finish,
    has_a_checkpoint,
    start,
    tables,
    wait_for_checkpoint,
    write_matrix,
)
from semore_gym.benchmark.executors.ray_trial import CLAIM
from semore_gym.benchmark.terminal import TerminalProgress
from semore_gym.cli.benchmark import Benchmark
from semore_gym.config import TrainConfig
from semore_gym.training.run_folder import PROCESS, RunFolder
from semore_gym.utils.processes import mark_process, marked_process

ray = pytest.importorskip("ray", reason='needs pip install "semore-gym[ray]"')

from ray._private.node import Node  # noqa: E402
from ray.cluster_utils import Cluster  # noqa: E402

from semore_gym.benchmark.executors.ray import LOSSES, RayExecutor, Resources  # noqa: E402

pytestmark = pytest.mark.slow

METHODS = {"sac": None, "m1": {"algo": "semore", "algo_options": {"variant": "m1"}}, "drq": None}
TRIALS = [f"{method}-JayWalk-seed0" for method in METHODS]
NODE = {"object_store_memory": 78 * 2**20, "include_dashboard": False}


@pytest.fixture(scope="module")
def others() -> set[psutil.Process]:
    """Processes that other tests have left running, CARLA servers for one."""
    return set(psutil.Process().children(recursive=True))


@pytest.fixture(scope="module")
def cluster(others: set[psutil.Process]) -> Iterator[Cluster]:
    """A head that trains nothing, and two nodes with room for a trial each."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    before = signal.getsignal(signal.SIGTERM)  # which Ray takes
    on_ctrl_c = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as by `ray start &` in a script
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **NODE})
    for _ in range(2):
        cluster.add_node(num_cpus=1, **NODE)
    signal.signal(signal.SIGINT, on_ctrl_c)
    yield cluster
    cluster.shutdown()
    signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, str]]]:
    """What one machine makes of the trials."""
    folder = tmp_path_factory.mktemp("undisturbed")
    write_matrix(folder, METHODS)
    finish(start(folder, "--jobs", "2"))
    return tables(folder / "bench", TRIALS)


def on_ray(folder: Path, cluster: Cluster) -> subprocess.Popen[str]:
    return start(folder, "--executor", "ray", "--ray-address", cluster.address)


def wait_until(process: subprocess.Popen[str], condition: Callable[[], bool]) -> None:
    while not condition():
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)


def lose_a_node(cluster: Cluster, process: subprocess.Popen[str], ready: Callable[[str], bool]) -> None:
    """Kill the first node whose trial is ready for it, and let another one join."""
    while True:
        assert process.poll() is None, process.communicate()[0]
        ready_now = [name for name in TRIALS if ready(name)]
        for node in list(cluster.worker_nodes):
            if any(name in trained_by(node) for name in ready_now):
                cluster.remove_node(node, allow_graceful=False)
                cluster.add_node(num_cpus=1, **NODE)
                return
        time.sleep(0.05)


def trained_by(node: Node) -> str:
    """The command lines of all processes of a node."""
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    said = []
    for process in raylet.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            said += process.cmdline()
    return " ".join(said)


def test_trials_go_on_elsewhere_when_a_node_is_lost(cluster, undisturbed, tmp_path):
    write_matrix(tmp_path, METHODS)
    process = on_ray(tmp_path, cluster)
    trials = [tmp_path / "bench/trials" / name for name in TRIALS]
    lose_a_node(cluster, process, lambda name: has_a_checkpoint(tmp_path / "bench/trials" / name))
    said = finish(process)
    assert "3 trials, 0 of them finished before; 1 CPU each" in said
    assert "has lost its node, NodeDiedError, and goes on elsewhere" in said
    assert "failed" not in said
    assert all(f"{name} has finished: episode reward " in said for name in TRIALS)
    assert tables(tmp_path / "bench", TRIALS) == undisturbed
    left = {path.name for trial in trials for path in trial.iterdir()}
    assert not left & {CLAIM, PROCESS, "replay"}


def test_a_killed_and_a_stopped_benchmark_go_on(cluster, tmp_path):
    write_matrix(tmp_path, {"sac": None}, steps=100_000)
    trial = tmp_path / "bench/trials" / TRIALS[0]
    killed = on_ray(tmp_path, cluster)
    wait_for_checkpoint(killed, trial)
    training = marked_process(trial / PROCESS)
    killed.kill()
    killed.communicate()
    training.wait(timeout=120)
    for times in (1, 2):
        process = on_ray(tmp_path, cluster)
        wait_until(process, lambda n=times: (trial / "output.log").read_text().count("going on after") == n)
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate()
        assert process.returncode == 130, said
        assert f"{TRIALS[0]} goes on, on node " in said
        assert (trial / "output.log").read_text().splitlines()[-1].startswith("stopped with a checkpoint")
        assert not (trial / CLAIM).exists()


def test_a_trial_that_fails_is_tried_again_then_told(cluster, tmp_path):
    write_matrix(tmp_path, {"mine": {"algo": "broken:broken"}})
    (tmp_path / "broken.py").write_text(BROKEN)
    process = on_ray(tmp_path, cluster)
    said, _ = process.communicate()
    assert process.returncode == 1
    reason = "RuntimeError: the wheel has come off"
    assert f"mine-JayWalk-seed0 failed, exit code 1, and is tried again: {reason}" in said
    assert f"mine-JayWalk-seed0 failed again, exit code 1: {reason}" in said
    assert "failed: mine-JayWalk-seed0, see bench/trials/mine-JayWalk-seed0/output.log" in said


def quiet() -> TerminalProgress:
    return TerminalProgress(Console(quiet=True))


def test_a_trial_that_loses_every_node_is_given_up(cluster, tmp_path):
    run = RunFolder.create(TrainConfig(), tmp_path / "run")
    executor = RayExecutor({"sac": run}, None, quiet(), Resources(1, 0.0), cluster.address)
    ray.shutdown()
    trial = executor.trials[0]
    for _ in range(LOSSES):
        executor._lose(trial, "NodeDiedError")
        assert trial.state == "waiting"
    executor._lose(trial, "NodeDiedError")
    assert trial.state == "failed"


def test_a_trial_that_is_still_trained_by_one_machine_is_left_to_it(tmp_path):
    run = RunFolder.create(TrainConfig(), tmp_path / "run")
    mark_process(run.path / PROCESS, psutil.Process())
    with pytest.raises(
        ValueError, match=f"sac is still trained by process {os.getpid()}: end it, or watch it"
    ):
        RayExecutor({"sac": run}, None, quiet(), Resources(1, 0.0))


def test_what_no_node_has_is_told(cluster, tmp_path, capsys):
    run = RunFolder.create(TrainConfig(), tmp_path / "run")
    executor = RayExecutor(
        {"sac": run}, None, TerminalProgress(Console()), Resources(2, 0.5), cluster.address
    )
    executor._take_stock()
    ray.shutdown()
    said = capsys.readouterr().out
    assert "no node of the cluster has 2 CPUs and 0.5 GPU: waiting for one that has" in " ".join(said.split())


def test_nothing_of_the_cluster_is_left(cluster, others):
    """The last test: also of the drivers and trainings above."""
    cluster.shutdown()
    mine = set(psutil.Process().children(recursive=True)) - others
    assert not [process for process in mine if process.status() != psutil.STATUS_ZOMBIE]


def test_a_missing_ray_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(
        ModuleNotFoundError, match=r'the ray executor needs ray: pip install "semore-gym\[ray\]"'
    ):
        RayExecutor({}, None, quiet(), Resources(1, 0.0))


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"ray_address": "auto"}, "ray_address is for the ray executor"),
        ({"cpus_per_trial": 2}, "cpus_per_trial is for the ray executor"),
        ({"executor": "ray", "cpus_per_trial": 0}, "cpus_per_trial must be at least 1, got 0"),
        ({"executor": "ray", "gpus_per_trial": 1.5}, "must be a fraction of one or a whole number, got 1.5"),
        ({"executor": "ray", "gpu_memory": 8.0}, "gpu_memory is for the local executor"),
        ({"print": True, "jobs": 2}, "jobs must not be given with print, which runs nothing"),
        ({"gpu_memory": 0.0}, r"gpu_memory must be above 0, got 0.0"),
    ],
)
def test_arguments_that_do_not_belong_together_are_refused(given, reason):
    with pytest.raises(ValueError, match=reason):
        Benchmark("table1", **given)
