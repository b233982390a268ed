from pathlib import Path

from helpers.cli import SMALL, exit_code
from semore_gym.cli import main


def test_it_writes_a_video_where_it_is_told(run, capsys):
    assert main(["watch", "--policy", str(run), "--video", "videos/drive.mp4"]) == 0
    assert Path("videos/drive.mp4").stat().st_size > 1000
    assert "video written to videos/drive.mp4" in capsys.readouterr().out


def test_an_unknown_policy_is_told_plainly(tmp_path, capsys):
    assert exit_code(["watch", "--policy", "nobody", *SMALL]) == 2
    assert "no policy 'nobody'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
