import os
import re
import shlex
import subprocess
import sys
from dataclasses import fields
from operator import attrgetter
from pathlib import Path

import pytest
import tyro
import yaml

from helpers.runs import make_run
from semore_gym import CarlaConfig
from semore_gym.cli import main
from semore_gym.cli.train import Train
from semore_gym.training.build import on_carla

ROOT = Path(__file__).parent.parent
ALL_PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES = [page for page in ALL_PAGES if page.stem.startswith("your_own_")]
PROGRAMS = str(Path(sys.executable).parent)


def blocks(page):
    """Language and text of each block of code."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=attrgetter("stem"))
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


def python_of(page):
    """The page's Python as one program, without the blocks under a comment `<!-- not run: REASON -->`.

    Of those under `<!-- run with: s/LONG/SHORT/ ... -->`, with smaller numbers.
    """
    program = []
    for comment, code in re.findall(
        r"(?:^<!-- ([^\n]*) -->\n)?^```python\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL
    ):
        for long, short in re.findall(r"s/(.*?)/(.*?)/", comment):
            assert long in code, f"{long} is not in the block"
            code = code.replace(long, short)
        if not comment.startswith("not run: "):
            program.append(code)
    return "".join(program)


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in ALL_PAGES if page not in PAGES and python_of(page)], ids=attrgetter("stem")
)
def test_the_python_of_a_page_runs_from_top_to_bottom(page, tmp_path):
    make_run(tmp_path / "runs/mine", {100: [1.0, 2.0]})
    command = [sys.executable, "-c", python_of(page)]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


class Parsed(BaseException):
    """A command line has been read without an error."""


def commands_of(page):
    """The page's command lines of `semore`."""
    code = "".join(code for language, code in blocks(page) if language == "sh").replace("\\\n", " ")
    return re.findall(r"^\s*semore (?!--)(.*?)(?: &| > .*)?$", code, re.MULTILINE)


@pytest.mark.parametrize("page", [page for page in ALL_PAGES if commands_of(page)], ids=attrgetter("stem"))
def test_the_command_lines_of_a_page_can_be_read(page, tmp_path, monkeypatch):
    parse = tyro.cli

    def parse_only(*args, **kwargs):
        parse(*args, **kwargs)
        raise Parsed

    make_run(tmp_path / "runs/mine", {100: [1.0, 2.0]})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tyro, "cli", parse_only)
    for line in commands_of(page):
        words = shlex.split(line.replace("runs/...", "runs/mine"), comments=True)
        with pytest.raises(Parsed):
            main(words)


@pytest.mark.parametrize("page", PAGES, ids=attrgetter("stem"))
def test_the_page_is_as_short_as_it_says(page):
    promised = int(re.search(r"in under (\d+) lines", page.read_text())[1])
    assert sum(code.count("\n") for language, code in blocks(page) if language == "python") < promised


def trainings_on_carla():
    """The command lines of trainings on the page of CARLA and in the compose file, without `semore train`."""
    for language, code in blocks(ROOT / "docs" / "carla.md"):
        if language == "sh":
            for line in re.findall(r"^semore train (.*?)(?:  #.*)?$", code, re.MULTILINE):
                yield line.replace("$HOME", "/home/me").strip()
    compose = yaml.safe_load((ROOT / "docker" / "docker-compose.yml").read_text())
    yield compose["services"]["trainer"]["command"].removeprefix("train ")


@pytest.mark.parametrize("line", list(trainings_on_carla()))
def test_trainings_on_carla_are_said_rightly(line):
    config = Train.read(shlex.split(line), "semore train").config()
    assert on_carla(config)
    CarlaConfig.from_environment(**config.carla)


def test_the_page_of_carla_tells_every_field():
    page = (ROOT / "docs" / "carla.md").read_text()
    told = "".join(line for line in page.splitlines() if line.startswith("| `"))
    assert [item.name for item in fields(CarlaConfig) if f"`{item.name}`" not in told] == []
