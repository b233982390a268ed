import io
from pathlib import Path

import pytest

from helpers.cli import exit_code, plain, rows
from semore_gym.cli import main


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


def test_what_is_there_is_replaced_only_when_asked_for(run, capsys, monkeypatch):
    share = ["share", str(run), "--to", "agent", "--episodes", "0"]
    assert main(share) == 0
    Path("agent/README.md").write_text("mine")
    assert main(share) == 2
    assert "agent is there already; --yes replaces its agent" in plain(capsys.readouterr().err)
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert main(share) == 1
    assert Path("agent/README.md").read_text() == "mine"
    assert main([*share, "--yes"]) == 0
    assert Path("agent/README.md").read_text() != "mine"


def test_a_file_in_the_folders_place_is_told_before_the_episodes(run, capsys, monkeypatch):
    Path("agent").write_text("mine")
    monkeypatch.setattr("semore_gym.evaluation.evaluate", None)
    assert main(["share", str(run), "--to", "agent"]) == 2
    assert "Not a directory: 'agent'" in plain(capsys.readouterr().err)


def test_the_cards_example_runs(run, monkeypatch):
    assert main(["share", str(run), "--to", "agent", "--episodes", "0"]) == 0
    monkeypatch.chdir("agent")
    example = Path("README.md").read_text().split("```python\n")[1].split("```")[0]
    told: dict = {}
    exec(example, told)
    assert told["terminated"] or told["truncated"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "share needs either --to FOLDER or --repo-id USER/NAME"),
        (["--to", "a", "--repo-id", "me/driver"], "share needs either --to FOLDER or --repo-id USER/NAME"),
        (["--to", "a", "--episodes", "-1"], "episodes must be at least 0, got -1"),
        (["--to", "a"], "nowhere is no run folder and lies in none"),
    ],
)
def test_mistakes_are_told_plainly(arguments, message, capsys):
    assert exit_code(["share", "nowhere", *arguments]) == 2
    assert message in plain(capsys.readouterr().err)
