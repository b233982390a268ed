import re
from pathlib import Path

import pytest

from semore_gym.benchmark.matrix import read_matrix
from semore_gym.config import TrainConfig
from semore_gym.policies import ALGORITHMS

SCENARIOS = ["JayWalk", "HighBeam", "HighWay"]


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_table_1_is_the_papers_seven_methods_in_its_three_scenarios():
    matrix = read_matrix("table1", "smoke")
    methods = ["sac", "curl", "flare", "drq", "deepmdp", "simoun", "semore"]
    assert set(methods) < set(ALGORITHMS)
    names = [trial.name for trial in matrix.trials()]
    assert names == [f"{m}-{s}-seed{seed}" for seed in (0, 1) for s in SCENARIOS for m in methods]
    for trial in matrix.trials():
        method, scenario, seed = trial.name.split("-")
        assert trial.config.algo == method
        assert trial.config.label is None
        assert trial.config.env == f"SemoreCarla-{scenario}-v0"
        assert f"seed{trial.config.seed}" == seed


def test_table_2_is_the_four_variants_of_semore():
    trials = read_matrix("table2", "paper", seeds=1).trials()
    assert [trial.config.label for trial in trials] == ["m1", "m2", "m3", "m4"] * 3
    assert all(trial.config.algo == "semore" for trial in trials)
    assert all(trial.config.algo_options == {"variant": trial.config.label} for trial in trials)


def test_the_shifts_are_those_of_erpv():
    trials = read_matrix("shift", "smoke", seeds=1).trials()
    assert [trial.name for trial in trials] == [
        f"{m}-HighWay-seed0" for m in ("sac", "drq", "deepmdp", "semore")
    ]
    assert all(trial.config.shifts == ["hard_rain", "JayWalk"] for trial in trials)


def test_the_paper_budget_is_the_papers():
    trials = read_matrix("table1", "paper").trials()
    assert len(trials) == 7 * 3 * 5
    default = TrainConfig()
    for trial in trials:
        config = trial.config
        assert config.steps == 110_000
        side = 152 if config.algo == "curl" else 128  # of which curl's encoder sees 128
        assert (config.image_size, config.preset, config.evaluation_episodes) == (side, "paper", 20)
        assert (config.algo_options, config.exploration_noise) == ({}, default.exploration_noise)


def test_the_small_budgets_are_small():
    smoke = read_matrix("table1", "smoke").trials()[0].config
    assert (smoke.image_size, smoke.preset, smoke.evaluation_episodes) == (64, "light", 2)
    assert smoke.algo_options["learning_starts"] < smoke.steps <= smoke.evaluate_every
    laptop = read_matrix("table1", "laptop").trials()
    assert len(laptop) == 105
    assert {(t.config.preset, t.config.steps, t.config.n_envs) for t in laptop} == {("lighter", 128_000, 8)}


def test_every_method_of_a_budget_learns_under_the_same_settings():
    configs = [trial.config for trial in read_matrix("table1", "laptop", seeds=1).trials()[:7]]
    shared = [{**vars(config), "algo": "", "algo_options": "", "image_size": 0} for config in configs]
    assert all(values == shared[0] for values in shared)
    assert {
        ALGORITHMS.load(config.algo).seen_side(config.image_size, config.algo_options) for config in configs
    } == {64}
    assert all(config.algo_options == configs[0].algo_options for config in configs)


def test_a_file_of_ones_own_goes_over_the_budget(tmp_path):
    text = """
    scenarios: [HighWay]
    seeds: 4
    settings: {steps: 50, algo_options: {gamma: 0.9}}
    methods:
      drq: {algo_options: {gamma: 0.8}}
      weighty: {algo: semore, image_size: 84, algo_options: {semantic_weight: 2.0}}
    """
    matrix = read_matrix(write(tmp_path / "mine.yaml", text), "laptop")
    drq, weighty = (trial.config for trial in matrix.trials()[:2])
    assert (matrix.name, len(matrix.trials())) == ("mine", 8)
    assert (drq.steps, drq.image_size, drq.label) == (50, 64, None)
    shared = matrix.trials()[0].config.algo_options | {"gamma": 0.0}
    assert shared["batch_size"] == 64
    assert drq.algo_options == {**shared, "gamma": 0.8}
    assert (weighty.algo, weighty.label, weighty.image_size) == ("semore", "weighty", 84)
    assert weighty.algo_options == {**shared, "gamma": 0.9, "semantic_weight": 2.0}
    assert read_matrix(str(tmp_path / "mine.yaml"), "laptop", seeds=1).seeds == 1


def test_the_matrix_of_the_documentation_is_one(tmp_path):
    page = (Path(__file__).parents[2] / "docs/benchmark.md").read_text()
    text = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)[1]
    trials = read_matrix(write(tmp_path / "mine.yaml", text), "laptop").trials()
    assert len(trials) == 3 * 2 * 3
    assert {trial.config.masks for trial in trials if trial.config.label == "blind"} == {"none"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scenarios: [Pong]\nmethods: {sac: }", "unknown scenario 'Pong'; known: HighBeam, HighWay, JayWalk"),
        ("scenarios: [HighWay]\nmethods: {dreamer: }", "unknown algorithm 'dreamer'; known: curl"),
        ("scenarios: [HighWay]\nmethods: {sac: {algo: ppo}}", "unknown algorithm 'ppo'; known: curl"),
        (
            "scenarios: [HighWay]\nmethods: {sac: }\nsteps: 5",
            "unknown keys of .*bad.yaml: steps; known: methods",
        ),
        ("scenarios: [HighWay]\nmethods: {sac: {stepz: 5}}", "unknown method sac .*: stepz; known: .*steps"),
        ("scenarios: [HighWay]\nmethods: {sac: {seed: 5}}", "unknown method sac .*: seed; known"),
        ("scenarios: [HighWay]\nmethods: {sac: 5}", "method sac of .* must be a mapping .*got 5"),
        ("scenarios: [HighWay]\nmethods: {a/b: {algo: sac}}", "must be named by letters, .*got 'a/b'"),
        ("scenarios: [HighWay]\nmethods: [sac]", r"methods of .* must be a mapping .*got \['sac'\]"),
        ("scenarios: [HighWay]", "methods of .* must be a mapping .*got None"),
        ("scenarios: HighWay\nmethods: {sac: }", "scenarios of .* must be a list .*got 'HighWay'"),
        ("scenarios: [HighWay, HighWay]\nmethods: {sac: }", "list of different names"),
        ("methods: {sac: }", "scenarios of .* must be a list .*got None"),
        ("scenarios: [HighWay]\nmethods: {sac: }\nseeds: 0", "seeds must be how many, .*got 0"),
        ("scenarios: [HighWay]\nmethods: {sac: }\nseeds: [1, 2]", r"seeds must be how many, .*got \[1, 2\]"),
        ("- 1", r"bad.yaml must be a mapping .*got \[1\]"),
        ("a: [", "bad.yaml is no YAML"),
    ],
)
def test_a_bad_matrix_is_refused_plainly(text, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read_matrix(write(tmp_path / "bad.yaml", text), "smoke")


def test_a_matrix_may_lie_in_the_home_folder(tmp_path, monkeypatch):
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    write(tmp_path / "mine.yaml", "scenarios: [HighWay]\nmethods: {sac: }")
    assert read_matrix("~/mine.yaml", "smoke").name == "mine"


def test_unknown_matrices_and_budgets_are_named():
    with pytest.raises(
        ValueError, match="no matrix 'table9': expected a YAML file or one of shift, table1, table2"
    ):
        read_matrix("table9", "smoke")
    with pytest.raises(ValueError, match="unknown budget 'huge'; known: smoke, laptop, paper"):
        read_matrix("table1", "huge")
