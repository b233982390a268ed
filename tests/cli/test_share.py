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
