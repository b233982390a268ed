import csv
import json
import re

import pytest
from rich.console import Console

from semore_gym.cli import main
from semore_gym.cli.algorithms import algorithms_table, describe, own_options
from semore_gym.policies import ALGORITHMS, VisualPolicy


@pytest.mark.parametrize("name", ALGORITHMS)
def test_every_algorithm_says_what_it_is_and_where_it_comes_from(name):
    what, source = describe(ALGORITHMS.load(name))
    assert len(what.split()) >= 5
    assert re.search(r"[A-Z]\w+ (19|20)\d\d", source)


def test_a_class_that_does_not_say_it_is_found():
    with pytest.raises(ValueError, match=r"must begin with .*, got \"SAC's actor"):
        describe(VisualPolicy)


def test_the_table_has_a_row_for_each():
    console = Console(width=200, record=True)
    console.print(algorithms_table())
    text = console.export_text()
    assert all(re.search(rf"^ *{name} .*\d{{4}}", text, re.MULTILINE) for name in ALGORITHMS)
    assert "transition_weight=1.0" in text


def test_the_program_lists_them(capsys):
    assert main(["algorithms"]) == 0
    said = capsys.readouterr().out
    assert all(f"\n {name} " in said for name in ALGORITHMS)
    assert "--algo-options" in said


def test_own_options_are_what_sac_lacks():
    assert own_options(ALGORITHMS.load("sac")) == {}
    assert own_options(ALGORITHMS.load("semore"))["guide"] == "gradient-pass"


@pytest.mark.slow
@pytest.mark.parametrize("name", ALGORITHMS)
def test_the_command_line_trains_it_with_all_its_options(name, tmp_path):
    small = [
        "--image-size",
        "36",
        "--preset",
        "light",
        "--max-ticks",
        "80",
        "--steps",
        "40",
        "--device",
        "cpu",
    ]
    seldom = ["--evaluation-episodes", "1", "--evaluate-every", "40"]
    options = {"learning_starts": 20, "batch_size": 8, **own_options(ALGORITHMS.load(name))}
    words = [f"{key}={json.dumps(value)}" for key, value in options.items()]
    run = tmp_path / "run"
    assert (
        main(["train", "--algo", name, *small, *seldom, "--algo-options", *words, "--run-dir", str(run)]) == 0
    )
    with (run / "evaluations.csv").open(newline="") as file:
        assert [row["agent_steps"] for row in csv.DictReader(file)][-1] == "40"
    assert main(["evaluate", str(run), "--episodes", "1", "--csv", str(tmp_path / "out.csv")]) == 0
