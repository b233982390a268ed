import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import semore_gym
from helpers.cli import SMALL, exit_code, plain
from semore_gym.cli import COMMANDS, main

HELLO = """
from dataclasses import dataclass
from semore_gym.cli.command import Command

@dataclass(frozen=True)
class Hello(Command):
    '''Greet somebody.'''

    name: str = "world"
    '''Who is greeted.'''

    def run(self, console):
        if self.name == "nobody":
            raise KeyError(self.name)
        console.print(f"hello {self.name}")
        return 3
"""


@pytest.fixture
def _hello(monkeypatch):
    Path("hello_command.py").write_text(HELLO)
    monkeypatch.setitem(COMMANDS._entries, "hello", "hello_command:Hello")
    yield
    sys.modules.pop("hello_command", None)


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


def test_an_unknown_command_is_refused(capsys):
    assert main(["fly"]) == 2
    assert "error: unknown command 'fly'; known: algorithms, benchmark, " in capsys.readouterr().err


def test_help_names_every_command_and_says_what_it_does(capsys):
    assert exit_code(["--help"]) == 0
    said = plain(capsys.readouterr().out)
    for name in COMMANDS:
        assert f"• {name} {' '.join(COMMANDS.load(name).__doc__.split())}" in said


def test_nothing_asked_is_a_mistake(capsys):
    assert exit_code([]) == 2
    assert f"Expected one of {{{', '.join(COMMANDS)}}}" in plain(capsys.readouterr().err)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command, capsys):
    assert exit_code([command, "--help"]) == 0
    assert f"usage: semore {command}" in capsys.readouterr().out


def test_help_does_without_torch():
    code = (
        "import contextlib, sys\nfrom semore_gym.cli import COMMANDS, main\n"
        "for words in [['--help'], *([name, '--help'] for name in COMMANDS)]:\n"
        "    with contextlib.suppress(SystemExit): main(words)\n"
        "    assert 'torch' not in sys.modules, words"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_the_shell_completes_commands_and_options(capsys):
    assert exit_code(["--tyro-print-completion", "bash"]) == 0
    script = capsys.readouterr().out
    assert all(name in script for name in [*COMMANDS, "--evaluation-episodes"])


@pytest.mark.parametrize(
    ("words", "name", "path"),
    [
        (["benchmark", "smoke", "--to=~/x"], "to", "x"),
        (["evaluate", "--csv=~/x.csv"], "csv", "x.csv"),
        (["export", "run", "~/x.onnx"], "path", "x.onnx"),
        (["masks", "~/x"], "source", "x"),
        (["masks", "x", "--out=~/x"], "out", "x"),
        (["masks", "x", "--sheet=~/x.png"], "sheet", "x.png"),
        (["report", "x", "--to=~/x.html"], "to", "x.html"),
        (["share", "run", "--to=~/x"], "to", "x"),
        (["train", "--run-dir=~/x"], "run_dir", "x"),
        (["watch", "--video=~/x.mp4"], "video", "x.mp4"),
    ],
)
def test_a_tilde_is_the_home_folder_in_every_path(words, name, path, monkeypatch):
    monkeypatch.setenv("HOME", "/homes/me")
    monkeypatch.setenv("USERPROFILE", "/homes/me")
    command = COMMANDS.load(words[0]).read(words[1:], "semore")
    assert getattr(command, name) == Path("/homes/me") / path
    assert COMMANDS.load("report").read(["~/a", "b", "~no such user/c"], "semore").paths == (
        Path("/homes/me/a"),
        Path("b"),
        Path("~no such user/c"),
    )


@pytest.mark.usefixtures("_hello")
def test_a_new_command_is_one_file_and_one_line_of_the_table(capsys):
    assert main(["hello", "--name", "you"]) == 3
    assert capsys.readouterr().out == "hello you\n"
    assert exit_code(["hello", "--help"]) == 0
    assert "Who is greeted." in capsys.readouterr().out
    assert exit_code(["hello", "--nam", "you"]) == 2
    assert "Perhaps you meant: --name" in plain(capsys.readouterr().err)
    assert exit_code(["--help"]) == 0
    assert "• hello Greet somebody." in plain(capsys.readouterr().out)


@pytest.mark.usefixtures("_hello")
def test_a_mistake_in_a_command_keeps_its_traceback():
    with pytest.raises(KeyError):
        main(["hello", "--name", "nobody"])


def test_a_value_error_is_the_users_while_setting_up_and_ours_while_driving(monkeypatch, capsys):
    def broken(*_, **__):
        raise ValueError("shapes (3,) and (4,) differ")

    monkeypatch.setattr("semore_gym.evaluation.evaluate", broken)
    with pytest.raises(ValueError, match="shapes"):
        main(["evaluate", "random", *SMALL])
    monkeypatch.setattr("semore_gym.training.build.build_vec_env", broken)
    assert main(["evaluate", "random", *SMALL]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == "error: shapes (3,) and (4,) differ"


@pytest.mark.parametrize(
    "arguments",
    [
        ["evaluate", "random", *SMALL, "--csv", "notes/out.csv"],
        ["watch", "--policy", "random", *SMALL, "--video", "notes/out.mp4"],
        ["export", "pretrained", "notes/driver.onnx"],
        ["train", *SMALL, "--run-dir", "notes/run"],
    ],
)
def test_a_path_that_cannot_be_written_is_told_in_one_line(arguments, capsys):
    Path("notes").write_text("x")
    assert main(arguments) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("error: ")
    assert "notes" in said


@pytest.mark.skipif(os.name == "nt", reason="Ctrl-C is another thing there")
@pytest.mark.parametrize("n_envs", ["1", "2"])
def test_ctrl_c_ends_a_command_with_code_130(n_envs):
    """The terminal sends it to every process of the command."""
    words = ["evaluate", "scripted", "--episodes", "9999", "--n-envs", n_envs, "--csv", "out/all.csv"]
    process = subprocess.Popen(
        [sys.executable, "-m", "semore_gym", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while not Path("out").exists():  # made when everything is set up
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(1.0)
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert said.endswith("interrupted\n")
    assert "Traceback" not in said


@pytest.mark.parametrize("words", [["algorithms"], ["watch", "--help"]])
def test_a_reader_who_leaves_early_gets_no_error(words):
    code = f"import sys; from semore_gym.cli import main; sys.exit(main({words!r}))"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as program:
        program.stdout.close()
        assert program.stderr.read() == b""


@pytest.mark.parametrize("taken", ["a file/x", "a folder"])
@pytest.mark.parametrize(
    "words",
    [
        ["evaluate", "full-throttle", "--csv", "{}"],
        ["watch", "full-throttle", "--video", "{}.mp4"],
        ["export", "pretrained", "{}"],
        ["report", "nothing", "--to", "{}.html"],
    ],
)
def test_what_cannot_be_written_is_told_before_the_work(words, taken, tmp_path, capsys, monkeypatch):
    def work(*_, **__):
        raise AssertionError("began to work")

    for name in (
        "evaluation.evaluate",
        "evaluation.record_episode",
        "policies.export_onnx",
        "hub.save_to_folder",
    ):
        monkeypatch.setattr(f"semore_gym.{name}", work)
    (tmp_path / "a file").touch()
    for suffix in ("", ".mp4", ".html"):
        (tmp_path / f"a folder{suffix}").mkdir()
    (tmp_path / "a folder" / "notes").touch()
    assert exit_code([word.format(taken) for word in words]) == 2
    told = plain(capsys.readouterr().err)
    assert "a file" in told or "a folder" in told
    assert len(list(tmp_path.iterdir())) == 4
