import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from semore_gym.utils.files import UNFINISHED, cache_file, new_folder, write_text

WRITER = """
import sys
from pathlib import Path
from semore_gym.utils.files import new_folder, remove_folder, write_text
root = Path(sys.argv[1])
for number in range(10**9):
    write_text(root / "file.txt", str(number) * 20_000)
    if number > 2:
        remove_folder(root / f"step-{number - 3}")
    with new_folder(root / f"step-{number}") as folder:
        for name in "ab":
            (folder / name).write_text(str(number) * 20_000)
    if number == 3:
        print("four steps written", flush=True)
"""


def test_what_a_killed_writer_left_behind_is_replaced(tmp_path: Path):
    left = tmp_path / f"x{UNFINISHED}"
    left.mkdir()
    (left / "half").write_text("half")
    with new_folder(tmp_path / "x") as folder:
        (folder / "file").write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert [path.name for path in (tmp_path / "x").iterdir()] == ["file"]


@pytest.mark.parametrize("delay", [0.05, 0.17, 0.31])
def test_a_killed_writer_leaves_whole_files_and_folders(tmp_path: Path, delay: float):
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"four steps written\n"
        time.sleep(delay)
        os.kill(process.pid, signal.SIGKILL)
    texts = [(tmp_path / "file.txt").read_text()]
    folders = [path for path in tmp_path.glob("step-*") if path.suffix != UNFINISHED]
    assert len(folders) >= 2
    for folder in folders:
        a, b = (folder / "a").read_text(), (folder / "b").read_text()
        assert a == b
        texts.append(a)
    for text in texts:
        assert text == text[: len(text) // 20_000] * 20_000


def test_text_is_replaced_whole(tmp_path: Path):
    write_text(tmp_path / "file", "long old text")
    write_text(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "new"
    assert len(list(tmp_path.iterdir())) == 1


def test_processes_that_write_a_file_of_a_cache_at_once_do_not_meet(tmp_path: Path):
    with cache_file(tmp_path / "mask") as one, cache_file(tmp_path / "mask") as other:
        one.write_text("one")
        other.write_text("other")
    assert (tmp_path / "mask").read_text() == "one"
    assert len(list(tmp_path.iterdir())) == 1
