"""Real benchmarks in real processes, tiny ones, that are killed in every way."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import psutil
import pytest
import torch
from rich.console import Console

from helpers.benchmarks import BROKEN, METHODS, finish, start, tables, wait_for_checkpoint, write_matrix
from semore_gym.benchmark.executors.base import interrupted_by_sigterm
from semore_gym.benchmark.executors.local import LocalExecutor, gpu_left_behind
from semore_gym.benchmark.terminal import TerminalProgress
from semore_gym.benchmark.trial_process import TrialProcess
from semore_gym.config import TrainConfig
from semore_gym.training.run_folder import PROCESS, RunFolder
from semore_gym.utils.devices import cpus
from semore_gym.utils.processes import mark_process, marked_process

TRIALS = ["sac-JayWalk-seed0", "m1-JayWalk-seed0"]
TWO = ("--jobs", "2")  # at the same time


@pytest.fixture
def here(tmp_path: Path) -> Path:
    write_matrix(tmp_path, METHODS)
    return tmp_path


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    write_matrix(folder, METHODS)
    said = finish(start(folder, *TWO))
    assert all(f"{trial} has finished: episode reward " in said for trial in TRIALS)
    return folder


@pytest.mark.slow
def test_every_trial_leaves_a_finished_run(undisturbed: Path):
    bench = undisturbed / "bench"
    described = json.loads((bench / "benchmark.json").read_text())
    assert (described["name"], described["budget"], described["trials"]) == ("tiny", "smoke", TRIALS)
    assert described["matrix"]["methods"]["m1"]["algo_options"]["variant"] == "m1"
    assert {"python", "torch"} <= set(described["versions"])
    for trial, (method, variant) in zip(TRIALS, [("sac", ""), ("semore", "m1")], strict=True):
        run = RunFolder(bench / "trials" / trial)
        assert run.finished
        assert not run.replay.exists()
        assert not (run.path / PROCESS).exists()
        rows = run.rows("evaluation_episodes")
        assert {(row["trial"], row["method"], row["variant"]) for row in rows} == {(trial, method, variant)}
        assert set(Counter(row["step"] for row in rows).values()) == {2}
    assert not (bench / PROCESS).exists()


@pytest.mark.slow
def test_finished_trials_are_skipped(undisturbed: Path):
    files = {path: path.stat().st_mtime_ns for path in (undisturbed / "bench/trials").rglob("*")}
    assert "2 trials, 2 of them finished before" in finish(start(undisturbed, *TWO))
    assert {path: path.stat().st_mtime_ns for path in (undisturbed / "bench/trials").rglob("*")} == files


@pytest.mark.slow
def test_printed_commands_train_the_trials_and_the_benchmark_goes_on_from_them(undisturbed: Path, here: Path):
    bench = here / "my :car: bench"
    printing = [sys.executable, "-m", "semore_gym", "benchmark", "tiny.yaml", "--to", bench.name, "--print"]
    first, second = subprocess.check_output(printing, cwd=here, text=True).splitlines()
    assert first == f"semore train --resume '{bench}/trials/{TRIALS[0]}'"
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(first, shell=True, check=True, env={**os.environ, "PATH": path})
    assert subprocess.check_output(printing, cwd=here, text=True).splitlines() == [second]
    said = finish(start(here, *TWO, to=bench.name))
    assert "2 trials, 1 of them finished before" in said
    assert tables(bench, TRIALS) == tables(undisturbed / "bench", TRIALS)


@pytest.mark.slow
def test_a_killed_training_is_replaced_and_goes_on_from_its_checkpoint(undisturbed: Path, here: Path):
    process = start(here, *TWO)
    trial = here / "bench/trials" / TRIALS[0]
    wait_for_checkpoint(process, trial)
    training = marked_process(trial / PROCESS)
    assert training is not None
    training.kill()
    said = finish(process)
    assert f"{TRIALS[0]} failed, killed by SIGKILL, and is tried again" in said
    assert "going on after" in (trial / "output.log").read_text()
    assert tables(here / "bench", TRIALS) == tables(undisturbed / "bench", TRIALS)


@pytest.mark.slow
def test_the_trainings_of_a_killed_benchmark_are_watched_by_the_next_one(undisturbed: Path, here: Path):
    process = start(here, *TWO)
    trials = [here / "bench/trials" / name for name in TRIALS]
    for trial in trials:
        wait_for_checkpoint(process, trial)
    process.kill()
    process.communicate()
    trainings = [marked_process(trial / PROCESS) for trial in trials]
    said = finish(start(here, *TWO))
    for trial, training in zip(TRIALS, trainings, strict=True):
        # it may have been at its end
        assert training is None or f"{trial} is in process {training.pid}" in said or trial not in said
    assert all((trial / "output.log").read_text().count("done") == 1 for trial in trials)
    assert tables(here / "bench", TRIALS) == tables(undisturbed / "bench", TRIALS)


@pytest.mark.slow
def test_a_benchmark_and_its_trainings_killed_at_once_go_on(undisturbed: Path, here: Path):
    process = start(here, *TWO)
    trials = [here / "bench/trials" / name for name in TRIALS]
    wait_for_checkpoint(process, trials[0])
    everybody = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for one in everybody:
        one.kill()
    process.communicate()
    psutil.wait_procs(everybody)
    assert "0 of them finished before" in finish(start(here, *TWO))
    assert "going on after" in (trials[0] / "output.log").read_text()
    assert tables(here / "bench", TRIALS) == tables(undisturbed / "bench", TRIALS)


@pytest.mark.slow
def test_ctrl_c_saves_every_trial(tmp_path: Path):
    write_matrix(tmp_path, METHODS, steps=5_000)  # more than it will do
    process = start(tmp_path, *TWO)
    trials = [tmp_path / "bench/trials" / name for name in TRIALS]
    for trial in trials:
        wait_for_checkpoint(process, trial)
    trainings = [marked_process(trial / PROCESS) for trial in trials]
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate()
    assert "Traceback" not in said
    assert process.returncode == 130
    assert not any(training and training.is_running() for training in trainings)
    for trial in trials:
        assert (trial / "output.log").read_text().splitlines()[-1].startswith("stopped with a checkpoint")
    assert not [path for path in (tmp_path / "bench").rglob(PROCESS)]


def test_sigterm_is_taken_as_ctrl_c():
    with pytest.raises(KeyboardInterrupt), interrupted_by_sigterm():
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.slow
def test_a_trial_that_fails_is_tried_again_then_told_and_the_others_go_on(tmp_path: Path):
    write_matrix(tmp_path, {"sac": None, "mine": {"algo": "broken:broken"}})
    (tmp_path / "broken.py").write_text(BROKEN)
    process = start(tmp_path, *TWO)
    said, _ = process.communicate()
    assert process.returncode == 1
    reason = "RuntimeError: the wheel has come off"
    assert f"mine-JayWalk-seed0 failed, exit code 1, and is tried again: {reason}" in said
    assert f"mine-JayWalk-seed0 failed again, exit code 1: {reason}" in said
    assert "failed: mine-JayWalk-seed0, see bench/trials/mine-JayWalk-seed0/output.log" in said
    assert f"{TRIALS[0]} has finished" in said
    assert (tmp_path / "bench/trials/mine-JayWalk-seed0/output.log").read_text().count(reason) == 2


def test_a_process_that_has_just_ended_is_stopped_in_peace(tmp_path: Path):
    child = psutil.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    stranger = psutil.Process(child.pid)
    child.wait()
    for process in (child, stranger):
        training = TrialProcess(process, tmp_path)
        assert not training.alive
        training.stop()
    assert TrialProcess(child, tmp_path).ending == "exit code 3"
    assert TrialProcess(stranger, tmp_path).ending == "its process ended"


def test_processes_share_the_cpus_and_take_the_gpus_in_turn(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    terminal = TerminalProgress(Console(quiet=True))
    executor = LocalExecutor({}, 3, terminal)
    given = [executor.environment(slot) for slot in range(3)]
    assert [variables["CUDA_VISIBLE_DEVICES"] for variables in given] == ["4", "6", "4"]
    assert all(variables["OMP_NUM_THREADS"] == str(max(1, cpus() // 3)) for variables in given)
    assert LocalExecutor({}, None, terminal).at_once == 2
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert LocalExecutor({}, None, terminal).at_once == cpus()
    assert "CUDA_VISIBLE_DEVICES" not in LocalExecutor({}, 3, terminal).environment(0)


def test_memory_of_a_gpu_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(ValueError, match="but free are no GPU"):
        LocalExecutor({}, None, TerminalProgress(Console(quiet=True)), 4.0)


def test_the_gpu_of_a_process_that_was_left_behind_is_known(tmp_path):
    run = RunFolder.create(TrainConfig(), tmp_path / "run")
    assert gpu_left_behind(run) is None
    command = [sys.executable, "-c", "print(flush=True); input()"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with psutil.Popen(command, env={**os.environ, "CUDA_VISIBLE_DEVICES": "3"}, **pipes) as process:
        process.stdout.readline()
        mark_process(run.path / PROCESS, process)
        assert gpu_left_behind(run) == "3"
        process.communicate(b"\n")
    assert gpu_left_behind(run) is None
