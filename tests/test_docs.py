import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGES = sorted((Path(__file__).parent.parent / "docs").glob("your_own_*.md"))
PROGRAMS = str(Path(sys.executable).parent)


def blocks(page):
    """Language and text of each block of code."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_page_runs_as_it_stands(page, tmp_path):
    for language, code in blocks(page):
        command = ["bash", "-euc", code]
        if language == "python":
            name = re.match(r"# (\w+\.py)\n", code)[1]
            (tmp_path / name).write_text(code)
            command = [sys.executable, name]
        env = {**os.environ, "PATH": os.pathsep.join([PROGRAMS, os.environ["PATH"]])}
        run = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_page_is_as_short_as_it_says(page):
    promised = int(re.search(r"in under (\d+) lines", page.read_text())[1])
    assert sum(code.count("\n") for language, code in blocks(page) if language == "python") < promised
