import shutil
from pathlib import Path

import pytest

from helpers.cli import SMALL, exit_code, plain, rows
from semore_gym.agents import PRETRAINED
from semore_gym.cli import main
from semore_gym.cli.evaluate import Evaluate
from semore_gym.cli.watch import Watch
from semore_gym.config import TrainConfig
from semore_gym.training.run_folder import RunFolder


@pytest.fixture
def jaywalk(tmp_path):
    """A run that has not begun."""
    config = TrainConfig(env="SemoreCarla-JayWalk-v0", algo="sac", image_size=48)
    return RunFolder.create(config, tmp_path / "jaywalk")


def read(*words, kind=Evaluate):
    return kind.read([str(word) for word in words], "semore")


@pytest.mark.parametrize("kind", [Evaluate, Watch])
@pytest.mark.parametrize("option", [[], ["--policy"]])
def test_a_run_brings_its_own_environment(jaywalk, kind, option):
    given = read(*option, jaywalk.path, "--weather", "hard_rain", kind=kind)
    assert (given.env, given.image_size, given.algo) == ("SemoreCarla-JayWalk-v0", 48, "sac")
    assert given.weather == "hard_rain"
    other = read(*option, jaywalk.path, "--env", "SemoreCarla-HighWay-v0", kind=kind)
    assert other.env == "SemoreCarla-HighWay-v0"


def test_a_policy_is_named_with_its_option_or_without():
    spellings = (
        ["random", "--seed", "3"],
        ["--seed", "3", "--policy", "random"],
        ["--policy=random", "--seed=3"],
    )
    for words in spellings:
        for kind in (Evaluate, Watch):
            given = read(*words, kind=kind)
            assert (given.policy, given.seed) == ("random", 3)


def test_results_of_before_are_kept(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert main(["evaluate", "full-throttle", "--episodes", "1", *SMALL]) == 0
    names = sorted(path.name for path in Path("runs").iterdir())
    assert names == [f"full-throttle-SemoreCarla-HighWay-v0-seed1{end}.csv" for end in ("", "-2")][::-1]


def test_a_built_in_policy_drives_the_default_environment_wherever_it_is_called(jaywalk, monkeypatch):
    assert read("random").env == TrainConfig().env
    monkeypatch.chdir(jaywalk.path)
    assert read("random").env == TrainConfig().env


@pytest.mark.parametrize("words", [["--episodes", "0"], ["--sed", "1"], ["--help"]])
def test_nothing_is_looked_up_for_arguments_that_are_not_well_formed(words, monkeypatch, capsys):
    def looked_up(name):
        raise AssertionError(name)

    monkeypatch.setattr("semore_gym.agents.download", looked_up)
    with pytest.raises(AssertionError, match="me/driver"):
        exit_code(["evaluate", "hf:me/driver"])
    assert exit_code(["evaluate", "hf:me/driver", *words]) == (0 if words == ["--help"] else 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nobody"], "no policy 'nobody': expected a run folder"),
        (["notes.zip"], "notes.zip"),
        (["--episodes", "0"], "episodes must be at least 1, got 0"),
    ],
)
def test_mistakes_are_told_plainly(arguments, message, capsys, tmp_path):
    (tmp_path / "notes.zip").write_text("x")
    assert exit_code(["evaluate", *arguments, *SMALL]) == 2
    assert message in plain(capsys.readouterr().err)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.zip"]


def test_it_prints_and_writes_the_metrics(capsys):
    assert main(["evaluate", "scripted", *SMALL, "--episodes", "3", "--csv", "out/one.csv"]) == 0
    said = capsys.readouterr().out
    assert "distance" in said
    assert "3 episodes written to out/one.csv" in said
    written = rows(Path("out/one.csv"))
    assert [row["episode"] for row in written] == ["0", "1", "2"]
    assert all(float(row["distance"]) > 0 for row in written)


def test_it_gives_the_same_on_several_environments():
    for n_envs in "12":
        policy = ["evaluate", "full-throttle", *SMALL, "--episodes", "3", "--n-envs", n_envs]
        assert main([*policy, "--csv", f"{n_envs}.csv"]) == 0
    assert rows(Path("1.csv")) == rows(Path("2.csv"))


@pytest.mark.parametrize("part", ["", "checkpoints/step-000000012", "checkpoints/step-000000012/model.zip"])
def test_it_takes_a_run_a_checkpoint_or_a_model(run, part, capsys):
    assert main(["evaluate", str(run / part), "--episodes", "1", "--csv", "out.csv"]) == 0
    assert int(rows(Path("out.csv"))[0]["ticks"]) <= 40  # the run's environment
    capsys.readouterr()


def test_it_refuses_other_observations_than_the_trained_ones(run, capsys):
    assert main(["evaluate", str(run), "--image-size", "48", "--episodes", "1"]) == 2
    assert "was trained on other observations" in capsys.readouterr().err


def test_it_refuses_a_model_of_another_algorithm(run, capsys):
    shutil.copy(run / "checkpoints/step-000000012/model.zip", "mine.zip")
    assert main(["evaluate", "mine.zip", *SMALL, "--algo", "drq", "--episodes", "1"]) == 2
    assert "mine.zip: a model saved by SemoreSAC cannot be loaded as DrQ" in capsys.readouterr().err
    assert main(["evaluate", "mine.zip", *SMALL, "--algo", "semore", "--episodes", "1"]) == 0
    assert "written to runs/mine-SemoreCarla-HighWay-v0-seed1.csv" in capsys.readouterr().out


def test_the_pretrained_agent_drives():
    short = ["--max-ticks", "200", "--episodes", "2", "--csv", "driven.csv"]
    assert main(["evaluate", "pretrained", *short]) == 0
    assert all(float(row["distance"]) > 40.0 for row in rows(Path("driven.csv")))
    assert (PRETRAINED / "model.safetensors").stat().st_size < 5_000_000
