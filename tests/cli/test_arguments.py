import pytest

from semore_gym.cli.arguments import (
    EvaluateArguments,
    TrainArguments,
    WatchArguments,
    parse_policy,
    parse_train,
)
from semore_gym.config import TrainConfig
from semore_gym.training.run_folder import RunFolder


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return RunFolder.create(TrainConfig(env="SemoreCarla-JayWalk-v0", algo="sac", image_size=48, seed=7))


def test_no_arguments_give_the_default_config():
    assert parse_train([]).config() == TrainConfig()


def test_the_flags_of_a_first_training():
    given = parse_train(["--algo", "semore", "--env", "SemoreCarla-HighWay-v0", "--seed", "0"])
    assert given.config() == TrainConfig(algo="semore", env="SemoreCarla-HighWay-v0", seed=0)


def test_options_are_json_where_they_can_be_and_add_up():
    argv = ["--algo-options", "gamma=0.98", "ent_coef=auto", "--seed", "3", "--algo-options=batch_size=64"]
    given = parse_train([*argv, "--algo_options", 'policy_kwargs={"net_arch": [64]}'])
    assert given.seed == 3
    assert given.algo_options == {
        "gamma": 0.98,
        "ent_coef": "auto",
        "batch_size": 64,
        "policy_kwargs": {"net_arch": [64]},
    }


def test_shifts_are_a_list_of_words_that_adds_up():
    given = parse_train(["--shifts", "hard_rain", "JayWalk", "--seed", "1", "--shifts", "midnight"])
    assert given.config().shifts == ["hard_rain", "JayWalk", "midnight"]
    assert parse_train([]).config().shifts == []


@pytest.mark.parametrize(
    "argv",
    [
        ["--sed", "1"],
        ["--steps", "many"],
        ["--preset", "big"],
        ["--algo-options", "gamma"],
        ["--seed", "1", "--seed", "2"],
    ],
)
def test_wrong_flags_end_with_code_2(argv, capsys):
    with pytest.raises(SystemExit) as end:
        parse_train(argv)
    assert end.value.code == 2
    assert "train --help" in capsys.readouterr().err


def test_resume_takes_everything_from_the_run(run):
    given = parse_train(["--resume", str(run.path)])
    assert given.config() == run.config
    assert given.resume == run.path
    assert parse_train([f"--resume={run.path}", "--seed", "7"]) == given


def test_resume_without_a_name_takes_the_newest_run(run):
    assert parse_train(["--resume"]).resume == run.path
    assert parse_train(["--resume", "--seed", "7"]).resume == run.path


def test_resume_without_any_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="nothing to resume"):
        parse_train(["--resume"])


def test_resume_refuses_what_the_run_was_not_started_with(run):
    message = "seed is 7 there and 0 here; steps is 110000 there and 5 here"
    with pytest.raises(ValueError, match=message) as error:
        parse_train(["--resume", str(run.path), "--seed", "0", "--steps", "5"])
    assert str(run.path) in str(error.value)
    with pytest.raises(ValueError, match="run_dir"):
        parse_train(["--resume", str(run.path), "--run-dir", "elsewhere"])


def test_resume_of_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(ValueError, match="no run folder"):
        parse_train(["--resume", str(tmp_path)])


@pytest.mark.parametrize("kind", [EvaluateArguments, WatchArguments])
def test_a_run_brings_its_own_environment(run, kind):
    name = [str(run.path)] if kind is EvaluateArguments else ["--policy", str(run.path)]
    given = parse_policy("semore", kind, [*name, "--weather", "hard_rain"])
    assert (given.env, given.image_size, given.algo) == ("SemoreCarla-JayWalk-v0", 48, "sac")
    assert given.weather == "hard_rain"
    assert (
        parse_policy("semore", kind, [*name, "--env", "SemoreCarla-HighWay-v0"]).env
        == "SemoreCarla-HighWay-v0"
    )


def test_a_built_in_policy_drives_the_default_environment():
    assert parse_policy("semore", EvaluateArguments, ["random"]).env == TrainConfig().env


@pytest.mark.parametrize(
    ("given", "side"),
    [
        (["--algo", "curl"], 152),
        (["--algo", "rad", "--algo-options", "image_scale=1.08"], 118),
        (["--algo", "curl", "--image-size", "64"], 64),
        (["--algo", "curl", "--image-size", "128"], 128),
        (["--algo", "drq"], 128),
    ],
)
def test_what_crops_pictures_gets_larger_ones_unless_a_size_is_given(given, side):
    assert parse_train(given).image_size == side


def test_the_config_is_a_part_of_the_arguments():
    assert TrainArguments(seed=5).config() == TrainConfig(seed=5)
