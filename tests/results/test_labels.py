import json

from helpers.runs import make_run
from semore_gym.results.labels import grouped, name_runs, title
from semore_gym.results.read import read_results


def labels(*paths):
    found = name_runs(read_results(paths).runs)
    return {path.name: label for path, label in found.items()}


def test_seeds_share_a_label_and_methods_come_in_the_papers_order(tmp_path):
    paths = [
        make_run(tmp_path / "a", {10: [1.0]}, algo="semore").path,
        make_run(tmp_path / "b", {10: [1.0]}, algo="sac", seed=0).path,
        make_run(tmp_path / "c", {10: [1.0]}, algo="sac", seed=1).path,
        make_run(tmp_path / "d", {10: [1.0]}, algo="semore", algo_options={"variant": "m1"}).path,
    ]
    assert labels(*paths) == {"b": "SAC", "c": "SAC", "a": "Semore", "d": "Semore M1"}
    runs = read_results(paths).runs
    groups = grouped(runs, name_runs(runs))
    assert [(key, len(group)) for key, group in groups.items()] == [
        (("SAC", "HighWay"), 2),
        (("Semore", "HighWay"), 1),
        (("Semore M1", "HighWay"), 1),
    ]


def test_runs_with_other_settings_are_never_averaged(tmp_path):
    first = make_run(tmp_path / "a", {10: [1.0]}, seed=0, algo_options={"gamma": 0.98}, threads=1).path
    second = make_run(tmp_path / "b", {10: [1.0]}, seed=1, threads=2).path
    assert labels(first, second) == {"a": "SAC · gamma=0.98", "b": "SAC · gamma=default"}


def test_runs_that_drive_elsewhere_are_averaged_with_those_that_do_not(tmp_path):
    first = make_run(tmp_path / "a", {10: [1.0]}, seed=0, shifted={"JayWalk": [1.0]}).path
    second = make_run(tmp_path / "b", {10: [1.0]}, seed=1).path
    assert labels(first, second) == {"a": "SAC", "b": "SAC"}


def test_an_algorithms_own_variant_goes_without_saying(tmp_path):
    plain = make_run(tmp_path / "plain", {10: [1.0]}, "semore").path
    m2 = make_run(tmp_path / "m2", {10: [1.0]}, "semore", algo_options={"variant": "m2"}).path
    assert labels(plain, m2) == {"plain": "Semore", "m2": "Semore M2"}


def test_a_seed_that_comes_twice_is_told_by_its_folder(tmp_path):
    paths = [make_run(tmp_path / name, {10: [1.0]}, seed=3).path for name in ("a", "b")]
    assert labels(*paths) == {"a": "SAC · a", "b": "SAC · b"}


def test_simulators_are_never_mixed(tmp_path):
    paths = [make_run(tmp_path / name, {10: [1.0]}, seed=seed).path for seed, name in enumerate("ab")]
    table = paths[1] / "evaluation_episodes.csv"
    table.write_text(table.read_text().replace(",embedded,", ",carla,"))
    assert labels(*paths) == {"a": "SAC · embedded", "b": "SAC · carla"}


def test_two_benchmarks_stand_side_by_side(tmp_path):
    for name in ("mine", "yours"):
        make_run(tmp_path / name / "trials" / f"sac-{name}", {10: [1.0]})
        (tmp_path / name / "benchmark.json").write_text(json.dumps({"name": name}))
    assert labels(tmp_path / "mine", tmp_path / "yours") == {
        "sac-mine": "SAC · mine",
        "sac-yours": "SAC · yours",
    }


def test_two_benchmarks_of_one_name_are_told_by_their_paths(tmp_path):
    paths = [tmp_path / name / "table1" for name in ("mine", "yours")]
    for path in paths:
        make_run(path / "trials" / "sac", {10: [1.0]})
        (path / "benchmark.json").write_text("{}")
    found = name_runs(read_results(paths).runs)
    assert list(found.values()) == [f"SAC · {path}" for path in paths]


def test_titles():
    assert title("curl") == "CURL"
    assert title("semore", "m3") == "Semore M3"
    assert title("mine", "no_masks") == "mine no_masks"
