import csv
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import semore_gym
from semore_gym.cli import COMMANDS, main
from semore_gym.cli.doctor import Finding, findings
from semore_gym.policies import ALGORITHMS
from semore_gym.training.run_folder import PRETRAINED

SMALL = ["--image-size", "32", "--max-ticks", "40"]


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """An agent that has learnt next to nothing."""
    path = tmp_path_factory.mktemp("runs") / "run"
    words = ["--preset", "light", "--steps", "12", "--algo-options", "learning_starts=10", "batch_size=2"]
    evaluation = ["--evaluation-episodes", "1", "--checkpoint-every", "5"]
    assert main(["train", *SMALL, *words, *evaluation, "--run-dir", str(path)]) == 0
    return path


def exit_code(arguments: list[str]) -> int:
    try:
        return main(arguments)
    except SystemExit as end:
        return int(end.code or 0)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    "program", [["-m", "semore_gym"], ["-c", "from semore_gym.cli import COMMANDS, main; main()"]]
)
def test_the_program_starts(program):
    done = subprocess.run([sys.executable, *program, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"semore-gym {semore_gym.__version__}\n"


def test_a_mistake_ends_the_program_with_code_2_and_no_traceback():
    command = [sys.executable, "-m", "semore_gym", "train", "--algo", "ppo"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "unknown algorithm 'ppo'; known: " in done.stderr
    assert "Traceback" not in done.stderr


def test_help_names_every_command(capsys):
    assert main(["--help"]) == 0
    said = capsys.readouterr().out
    assert all(f"\n  {command} " in said for command in COMMANDS)
    assert main([]) == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as end:
        main([command, "--help"])
    assert end.value.code == 0
    assert f"usage: semore {command}" in capsys.readouterr().out


def test_help_tells_units(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    said = capsys.readouterr().out
    assert "[px]" in said
    assert "[agent steps]" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fly"], "unknown command 'fly'; known: train"),
        (["train", "--env", "Pong"], "unknown env 'Pong'; known: SemoreCarla-"),
        (
            ["train", "--algo", "dreamer"],
            f"unknown algorithm 'dreamer'; known: {', '.join(sorted(ALGORITHMS))}",
        ),
        (["train", "--masks", "sam"], "unknown masks 'sam'; known: none, oracle"),
        (["train", "--weather", "snow"], "unknown weather 'snow'; known: clear_noon"),
        (["train", "--image-size", "7"], "image_size must be an integer from 32 to 512, got 7"),
        (["train", "--steps", "0"], "steps must be at least 1, got 0"),
        (["train", "--steps", "1000"], "steps must be more than learning_starts, got 1000 and 1000"),
        (["train", "--scenario-options", "cars=3"], "unknown scenario_options"),
        (["train", "--env-options", "colour=red"], "unknown env_options: colour; known: reward"),
        (["train", "--backend", "gazebo"], "unknown backend 'gazebo'; known: carla, embedded"),
        (["train", "--carla", "prot=2000"], "unknown fields of carla: prot; known: host, port"),
        (["train", "--carla", "port=zero"], "port must be of type int, got 'zero'"),
        (["train", "--carla", "port=2000", "--backend", "embedded"], "carla= needs backend='carla'"),
        (
            ["train", "--algo-options", "gama=0.9"],
            "unknown options of semore: gama; known: acceleration, action_noise",
        ),
        (["train", "--algo-options", "seed=3"], "algo_options must not hold ['seed']"),
        (["train", "--algo-options", "gamma=high"], "option gamma of semore must be like 0.99, got 'high'"),
        (["train", "--device", "abacus"], "device 'abacus' cannot be used"),
        (["train", "--resume", "nowhere"], "nowhere is no run folder"),
        (["train", "--run-dir", "."], "exists already"),
        (["evaluate", "nobody"], "no policy 'nobody': expected a run folder"),
        (["evaluate", "notes.zip"], "notes.zip"),
        (["evaluate", "--episodes", "0"], "episodes must be at least 1, got 0"),
        (["watch", "--policy", "nobody"], "no policy 'nobody'"),
    ],
)
def test_mistakes_are_told_plainly(arguments, message, capsys, tmp_path):
    (tmp_path / "notes.zip").write_text("x")
    small = SMALL[2:] if "--image-size" in arguments else SMALL
    assert exit_code([*arguments, *small]) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert [path.name for path in tmp_path.iterdir()] == ["notes.zip"]


def test_evaluate_prints_and_writes_the_metrics(capsys):
    assert main(["evaluate", "scripted", *SMALL, "--episodes", "3", "--csv", "out/one.csv"]) == 0
    said = capsys.readouterr().out
    assert "distance" in said
    assert "3 episodes written to out/one.csv" in said
    written = rows(Path("out/one.csv"))
    assert [row["episode"] for row in written] == ["0", "1", "2"]
    assert all(float(row["distance"]) > 0 for row in written)


def test_evaluate_gives_the_same_on_several_environments():
    for n_envs in "12":
        policy = ["evaluate", "full-throttle", *SMALL, "--episodes", "3", "--n-envs", n_envs]
        assert main([*policy, "--csv", f"{n_envs}.csv"]) == 0
    assert rows(Path("1.csv")) == rows(Path("2.csv"))


@pytest.mark.parametrize("part", ["", "checkpoints/step-000000012", "checkpoints/step-000000012/model.zip"])
def test_evaluate_takes_a_run_a_checkpoint_or_a_model(run, part, capsys):
    assert main(["evaluate", str(run / part), "--episodes", "1", "--csv", "out.csv"]) == 0
    assert int(rows(Path("out.csv"))[0]["ticks"]) <= 40  # the run's environment
    capsys.readouterr()


def test_a_finished_run_says_so_and_how_to_train_it_longer(run, capsys):
    assert main(["train", "--resume", str(run)]) == 0
    said = capsys.readouterr().out
    assert f"{run} has finished already: 12 agent steps = 48 simulator ticks" in said
    assert f"semore train --resume {run} --steps 24" in said
    assert "going on" not in said
    assert main(["train", "--resume", str(run), "--steps", "11"]) == 2
    assert "steps is 12 there and 11 here" in capsys.readouterr().err


def test_evaluate_refuses_other_observations_than_the_trained_ones(run, capsys):
    assert main(["evaluate", str(run), "--image-size", "48", "--episodes", "1"]) == 2
    assert "was trained on other observations" in capsys.readouterr().err


def test_evaluate_refuses_a_model_of_another_algorithm(run, capsys):
    shutil.copy(run / "checkpoints/step-000000012/model.zip", "mine.zip")
    assert main(["evaluate", "mine.zip", *SMALL, "--algo", "drq", "--episodes", "1"]) == 2
    assert "mine.zip: a model saved by SemoreSAC cannot be loaded as DrQ" in capsys.readouterr().err
    assert main(["evaluate", "mine.zip", *SMALL, "--algo", "semore", "--episodes", "1"]) == 0


def test_watch_writes_a_video_where_it_is_told(run, capsys):
    assert main(["watch", "--policy", str(run), "--video", "videos/drive.mp4"]) == 0
    assert Path("videos/drive.mp4").stat().st_size > 1000
    assert "video written to videos/drive.mp4" in capsys.readouterr().out


def test_the_pretrained_agent_drives():
    short = ["--max-ticks", "200", "--episodes", "2", "--csv", "driven.csv"]
    assert main(["evaluate", "pretrained", *short]) == 0
    assert all(float(row["distance"]) > 40.0 for row in rows(Path("driven.csv")))
    assert (PRETRAINED / "model.safetensors").stat().st_size < 5_000_000


def test_export_writes_the_agent_of_a_run(run, capsys):
    assert main(["export", str(run), "out/driver.onnx"]) == 0
    assert "written to out/driver.onnx" in capsys.readouterr().out
    session = onnxruntime.InferenceSession("out/driver.onnx")
    told = session.get_modelmeta().custom_metadata_map
    assert (told["algorithm"], told["action_names"]) == ("SemoreSAC", '["steer", "throttle"]')
    assert session.run(None, {"frames": np.zeros((3, 9, 32, 32), np.uint8)})[0].shape == (3, 2)


def test_export_needs_a_trained_agent(capsys):
    assert main(["export", "scripted"]) == 2
    assert "no policy 'scripted': expected a run folder, a model.zip or pretrained" in capsys.readouterr().err


def test_algorithms_are_listed(capsys):
    assert main(["algorithms"]) == 0
    said = capsys.readouterr().out
    assert all(f"\n {name} " in said for name in ALGORITHMS)
    assert "--algo-options" in said


def test_the_doctor_finds_the_simulator_working(monkeypatch, capsys):
    monkeypatch.delenv("SEMORE_CARLA", raising=False)
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    assert "the embedded simulator drives and draws 128x128 frames" in said
    assert "broken" not in said


def test_the_doctor_asks_a_carla_server(carla_address, capsys):
    pytest.importorskip("carla", reason="the carla client has no wheel for this Python or platform")
    address = carla_address()
    assert main(["doctor", "--carla", address]) == 0
    assert f"{address} answers: CARLA 0.9.16, map " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("address", "said"),
    [("127.0.0.1:1", "no CARLA server answers at 127.0.0.1:1"), ("here", "must be host:port")],
)
def test_the_doctor_says_what_is_wrong_with_carla(address, said, monkeypatch):
    pytest.importorskip("carla", reason="the carla client has no wheel for this Python or platform")
    monkeypatch.setenv("SEMORE_CARLA", address)
    assert said in next(finding.text for finding in findings() if finding.state == "broken")


def test_a_shared_agent_drives_where_it_was_trained(run, capsys):
    assert main(["share", str(run), "--to", "out/agent", "--episodes", "2"]) == 0
    assert "is shared at out/agent" in capsys.readouterr().out
    card = Path("out/agent/README.md").read_text()
    assert "2 episodes; ends: " in card
    assert "type: mean_reward" in card
    assert main(["evaluate", "out/agent", "--episodes", "2", "--csv", "shared.csv"]) == 0
    assert main(["evaluate", str(run), "--episodes", "2", "--csv", "run.csv"]) == 0
    assert rows(Path("shared.csv")) == rows(Path("run.csv"))
    assert main(["watch", "--policy", "out/agent", "--video", "drive.mp4"]) == 0
    assert Path("drive.mp4").stat().st_size > 1000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "share needs either --to FOLDER or --repo-id USER/NAME"),
        (["--to", "a", "--repo-id", "me/driver"], "share needs either --to FOLDER or --repo-id USER/NAME"),
        (["--to", "a", "--episodes", "-1"], "episodes must be at least 0, got -1"),
        (["--to", "a"], "nowhere is no run folder and lies in none"),
    ],
)
def test_mistakes_in_sharing_are_told_plainly(arguments, message, capsys):
    assert exit_code(["share", "nowhere", *arguments]) == 2
    assert message in " ".join(capsys.readouterr().err.replace("│", " ").split())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["table9"], "no matrix 'table9': expected a YAML file or one of shift, table1, table2"),
        (["table1", "--budget", "huge"], "unknown budget 'huge'; known: smoke, laptop, paper"),
        (["table1", "--seeds", "0"], "seeds must be at least 1, got 0"),
        (["table1", "--jobs", "0"], "jobs must be at least 1, got 0"),
        (["bad.yaml"], "unknown options of sac: gama"),
        (["table2", "--to", "."], "is no benchmark's folder"),
    ],
)
def test_mistakes_in_benchmarks_are_told_before_anything_runs(arguments, message, capsys, tmp_path):
    methods = "methods: {sac: {algo_options: {gama: 0.9}}}"
    (tmp_path / "bad.yaml").write_text(f"scenarios: [HighWay]\n{methods}\n")
    assert exit_code(["benchmark", *arguments]) == 2
    assert message in " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert [path.name for path in tmp_path.iterdir()] == ["bad.yaml"]


def test_the_doctor_names_extras_whole(monkeypatch, capsys):
    monkeypatch.setattr(
        "semore_gym.cli.doctor.findings", lambda _: [Finding("note", 'pip "semore-gym[vlm]"')]
    )
    main(["doctor"])
    assert 'pip "semore-gym[vlm]"' in capsys.readouterr().out


def test_a_training_whose_simulator_never_came_leaves_no_run(tmp_path, monkeypatch, capsys):
    pytest.importorskip("carla", reason="the carla client has no wheel for this Python or platform")
    monkeypatch.chdir(tmp_path)
    words = ["--image-size", "36", "--preset", "light", "--carla", "port=1", "attempts=1"]
    assert main(["train", "--backend", "carla", *words]) == 1
    said = capsys.readouterr().err
    assert "no CARLA server answers at 127.0.0.1:1" in said
    assert "--resume" not in said
    assert not list((tmp_path / "runs").iterdir())


def test_a_training_without_its_models_is_refused_in_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    options = ['phrases=["car"]', "segmenter.model=here", "segmenter.local_files_only=true"]
    assert main(["train", "--masks", "vlm:clipseg", "--mask-options", *options]) == 2
    assert capsys.readouterr().err.startswith("error: ")
