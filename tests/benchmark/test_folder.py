import json
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from semore_gym.benchmark.folder import BenchmarkFolder, check_trials
from semore_gym.benchmark.matrix import Matrix
from semore_gym.evaluation.tally import episode_seed
from semore_gym.training.run_folder import PROCESS
from semore_gym.utils.processes import mark_process

SMALL = {
    "algo": "sac",
    "image_size": 32,
    "steps": 10,
    "preset": "light",
    "algo_options": {"learning_starts": 5},
}
MATRIX = Matrix("mine", "smoke", {"sac": SMALL}, ["HighWay"], 2)


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_it_lies_in_runs_unless_told():
    assert BenchmarkFolder(MATRIX).path == Path("runs/benchmarks/mine-smoke")
    described = json.loads(Path("runs/benchmarks/mine-smoke/benchmark.json").read_text())
    assert described["trials"] == ["sac-HighWay-seed0", "sac-HighWay-seed1"]
    assert described["matrix"]["scenarios"] == ["HighWay"]


def test_every_trial_has_a_run_folder_that_names_its_simulator(tmp_path):
    folder = BenchmarkFolder(MATRIX, tmp_path / "bench")
    assert sorted(folder.runs) == [path.name for path in sorted((tmp_path / "bench/trials").iterdir())]
    for seed, run in enumerate(folder.runs.values()):
        assert (run.config.seed, run.config.backend, run.config.steps) == (seed, "embedded", 10)


def test_seeds_can_be_added_and_are_never_taken_away(tmp_path):
    BenchmarkFolder(MATRIX, tmp_path / "bench")
    assert len(BenchmarkFolder(replace(MATRIX, seeds=3), tmp_path / "bench").runs) == 3
    assert len(BenchmarkFolder(replace(MATRIX, seeds=1), tmp_path / "bench").runs) == 3


def test_a_trial_that_a_kill_left_half_made_is_made_again(tmp_path):
    (tmp_path / "bench/trials/sac-HighWay-seed0.unfinished/checkpoints").mkdir(parents=True)
    (tmp_path / "bench/benchmark.json").write_text(
        json.dumps({"matrix": {**vars(MATRIX), "methods": {"sac": SMALL}}})
    )
    BenchmarkFolder(MATRIX, tmp_path / "bench")
    names = sorted(path.name for path in (tmp_path / "bench/trials").iterdir())
    assert names == ["sac-HighWay-seed0", "sac-HighWay-seed1"]


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (replace(MATRIX, methods={"sac": {**SMALL, "steps": 11}}), "other methods: choose another folder"),
        (replace(MATRIX, scenarios=["JayWalk"], budget="paper"), "other budget and scenarios: choose"),
    ],
)
def test_another_matrix_does_not_mix_with_it(matrix, message, tmp_path):
    BenchmarkFolder(MATRIX, tmp_path / "bench")
    before = (tmp_path / "bench/benchmark.json").read_text()
    with pytest.raises(ValueError, match=message):
        BenchmarkFolder(matrix, tmp_path / "bench")
    assert (tmp_path / "bench/benchmark.json").read_text() == before


def test_a_trial_whose_config_was_changed_is_named(tmp_path):
    run = BenchmarkFolder(MATRIX, tmp_path / "bench").runs["sac-HighWay-seed1"]
    (run.path / "config.json").write_text(replace(run.config, steps=99).to_json())
    with pytest.raises(ValueError, match="sac-HighWay-seed1 is a run of another config than the matrix has"):
        BenchmarkFolder(MATRIX, tmp_path / "bench")


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_damaged_description_is_named(text, tmp_path):
    BenchmarkFolder(MATRIX, tmp_path / "bench")
    (tmp_path / "bench/benchmark.json").write_text(text)
    with pytest.raises(ValueError, match=r"benchmark\.json cannot be used"):
        BenchmarkFolder(MATRIX, tmp_path / "bench")


def test_a_benchmark_killed_at_its_first_breath_begins_again(tmp_path):
    (tmp_path / ".benchmark.unfinished.json").write_text("{")
    assert len(BenchmarkFolder(MATRIX, tmp_path).runs) == 2


def test_a_folder_with_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("x")
    for path in (tmp_path, tmp_path / "thesis.txt"):
        with pytest.raises(ValueError, match="is no benchmark's folder"):
            BenchmarkFolder(MATRIX, path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"algo_options": {"gama": 0.9}}, "unknown options of sac: gama"),
        ({"weather": "snow"}, "unknown weather 'snow'"),
        ({"shifts": ["snow"]}, "unknown shift 'snow'; known: weathers cloudy_noon"),
        ({"shifts": "JayWalk"}, "shifts must be of type list, got 'JayWalk'"),
        ({"masks": "sam"}, "unknown masks 'sam'"),
        ({"device": "abacus"}, "device 'abacus' cannot be used"),
        ({"judge": "rule"}, "judge and judge_options must not be given for sac"),
        ({"steps": "many"}, "steps must be of type int, got 'many'"),
        ({"env_options": {"colour": "red"}}, "unknown env_options: colour"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_written(settings, message, tmp_path):
    methods = {"sac": SMALL, "other": {**SMALL, **settings}}
    with pytest.raises(ValueError, match=message):
        BenchmarkFolder(replace(MATRIX, methods=methods), tmp_path / "bench")
    assert not (tmp_path / "bench").exists()


def test_training_on_the_evaluation_is_refused(tmp_path):
    # a config whose last training environment drives the evaluation's second episode
    seed = episode_seed(1, 1)
    methods = {"sac": {**SMALL, "n_envs": 2}}
    trial = Matrix("mine", "smoke", methods, ["HighWay"], 1).trials()[0]
    with pytest.raises(ValueError, match="would be evaluated on episodes that it is trained on"):
        check_trials([replace(trial, config=replace(trial.config, seed=seed - 1))])
    check_trials([replace(trial, config=replace(trial.config, seed=seed - 2))])


def test_no_command_is_given_for_a_trial_that_is_still_trained(tmp_path):
    folder = BenchmarkFolder(MATRIX, tmp_path / "bench")
    assert len(folder.commands()) == 2
    mark_process(folder.runs["sac-HighWay-seed1"].path / PROCESS, psutil.Process())
    with pytest.raises(ValueError, match="sac-HighWay-seed1 is still trained by process"):
        folder.commands()


def test_it_is_one_process_at_a_time(tmp_path):
    path = tmp_path / "bench"
    busy = pytest.raises(ValueError, match="bench is being run by process")
    with BenchmarkFolder(MATRIX, path), busy:
        BenchmarkFolder(MATRIX, path)
    assert not (path / PROCESS).exists()
    BenchmarkFolder(MATRIX, path)
