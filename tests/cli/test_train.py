import shutil

import pytest

from helpers.cli import SMALL, exit_code, plain
from semore_gym.cli import main
from semore_gym.cli.train import Train
from semore_gym.config import TrainConfig
from semore_gym.policies import ALGORITHMS
from semore_gym.training.run_folder import RunFolder


def read(words):
    return Train.read(words, "semore train")


@pytest.fixture
def begun():
    """A run in runs/ that has no checkpoint yet."""
    return RunFolder.create(TrainConfig(env="SemoreCarla-JayWalk-v0", algo="sac", image_size=48, seed=7))


def test_no_arguments_give_the_default_config():
    assert read([]).config() == TrainConfig()


def test_the_flags_of_a_first_training():
    given = read(["--algo", "semore", "--env", "SemoreCarla-HighWay-v0", "--seed", "0"])
    assert given.config() == TrainConfig(algo="semore", env="SemoreCarla-HighWay-v0", seed=0)


def test_options_are_json_where_they_can_be_and_add_up():
    argv = ["--algo-options", "gamma=0.98", "ent_coef=auto", "--seed", "3", "--algo-options=batch_size=64"]
    given = read([*argv, "--algo_options", 'policy_kwargs={"net_arch": [64]}'])
    assert given.seed == 3
    assert given.algo_options == {
        "gamma": 0.98,
        "ent_coef": "auto",
        "batch_size": 64,
        "policy_kwargs": {"net_arch": [64]},
    }


def test_shifts_are_a_list_of_words_that_adds_up():
    given = read(["--shifts", "hard_rain", "JayWalk", "--seed", "1", "--shifts", "midnight"])
    assert given.config().shifts == ["hard_rain", "JayWalk", "midnight"]
    assert read([]).config().shifts == []


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
        read(argv)
    assert end.value.code == 2
    assert "train --help" in capsys.readouterr().err


def test_resume_takes_everything_from_the_run(begun):
    given = read(["--resume", str(begun.path)])
    assert given.config() == begun.config
    assert given.resume == begun.path
    assert read([f"--resume={begun.path}", "--seed", "7"]) == given


def test_resume_without_a_name_takes_the_newest_run(begun):
    assert read(["--resume"]).resume == begun.path
    assert read(["--resume", "--seed", "7"]).resume == begun.path


def test_resume_without_any_run():
    with pytest.raises(ValueError, match="nothing to resume"):
        read(["--resume"])


def test_resume_refuses_what_the_run_was_not_started_with(begun):
    message = "seed is 7 there and 0 here; steps is 110000 there and 5 here"
    with pytest.raises(ValueError, match=message) as error:
        read(["--resume", str(begun.path), "--seed", "0", "--steps", "5"])
    assert str(begun.path) in str(error.value)
    with pytest.raises(ValueError, match="run_dir"):
        read(["--resume", str(begun.path), "--run-dir", "elsewhere"])


def test_resume_of_a_folder_that_is_no_run(tmp_path):
    with pytest.raises(ValueError, match="no run folder"):
        read(["--resume", str(tmp_path)])


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
    assert read(given).image_size == side


def test_the_config_is_a_part_of_the_arguments():
    assert Train(seed=5).config() == TrainConfig(seed=5)


def test_help_tells_units(capsys):
    assert exit_code(["train", "--help"]) == 0
    said = capsys.readouterr().out
    assert "[px]" in said
    assert "[agent steps]" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--env", "Pong"], "unknown env 'Pong'; known: SemoreCarla-"),
        (["--algo", "dreamer"], f"unknown algorithm 'dreamer'; known: {', '.join(sorted(ALGORITHMS))}"),
        (["--masks", "sam"], "unknown masks 'sam'; known: learned, none, oracle"),
        (["--weather", "snow"], "unknown weather 'snow'; known: clear_noon"),
        (["--image-size", "7"], "image_size must be an integer from 32 to 512, got 7"),
        (["--steps", "0"], "steps must be at least 1, got 0"),
        (["--steps", "1000"], "steps must be more than learning_starts, got 1000 and 1000"),
        (["--scenario-options", "cars=3"], "unknown scenario_options"),
        (["--env-options", "colour=red"], "unknown env_options: colour; known: reward"),
        (["--backend", "gazebo"], "unknown backend 'gazebo'; known: carla, embedded"),
        (["--carla", "prot=2000"], "unknown fields of carla: prot; known: host, port"),
        (["--carla", "port=zero"], "port must be of type int, got 'zero'"),
        (["--carla", "port=2000", "--backend", "embedded"], "carla= needs backend='carla'"),
        (
            ["--algo-options", "gama=0.9"],
            "unknown options of semore: gama; known: acceleration, action_noise",
        ),
        (["--algo-options", "seed=3"], "algo_options must not hold ['seed']"),
        (["--algo-options", "gamma=high"], "option gamma of semore must be like 0.99, got 'high'"),
        (["--device", "abacus"], "device 'abacus' cannot be used"),
        (["--resume", "nowhere"], "nowhere is no run folder"),
        (["--run-dir", "."], "exists already"),
    ],
)
def test_mistakes_are_told_plainly(arguments, message, capsys, tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    small = SMALL[2:] if "--image-size" in arguments else SMALL
    assert exit_code(["train", *arguments, *small]) == 2
    assert message in plain(capsys.readouterr().err)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_finished_run_says_so_and_how_to_train_it_longer(run, capsys):
    assert main(["train", "--resume", str(run)]) == 0
    said = capsys.readouterr().out
    assert f"{run} has finished already: 12 agent steps = 48 simulator ticks" in said
    assert f"semore train --resume {run} --steps 24" in said
    assert "going on" not in said
    assert main(["train", "--resume", str(run), "--steps", "11"]) == 2
    assert "steps is 12 there and 11 here" in capsys.readouterr().err


def test_a_training_whose_simulator_never_came_leaves_no_run(tmp_path, capsys):
    pytest.importorskip("carla", reason="the carla client has no wheel for this Python or platform")
    words = ["--image-size", "36", "--preset", "light", "--carla", "port=1", "attempts=1"]
    assert main(["train", "--backend", "carla", *words]) == 1
    said = capsys.readouterr().err
    assert "no CARLA server answers at 127.0.0.1:1" in said
    assert "--resume" not in said
    assert not list((tmp_path / "runs").iterdir())


def test_a_training_without_its_models_is_refused_in_one_line(capsys):
    options = ['phrases=["car"]', "segmenter.model=here", "segmenter.local_files_only=true"]
    assert main(["train", "--masks", "vlm:clipseg", "--mask-options", *options]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_a_full_disk_ends_a_training_in_one_line_that_says_how_to_go_on(run, monkeypatch, capsys):
    def full(*_):
        raise OSError(28, "No space left on device")

    copy = shutil.copytree(run, "copy")
    monkeypatch.setattr("semore_gym.training.trainer.plot_learning_curve", full)
    assert main(["train", "--resume", copy, "--steps", "24"]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == "error: [Errno 28] No space left on device; go on with: semore train --resume copy"
