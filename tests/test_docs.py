import os
import re
import shlex
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from semore_gym import CarlaConfig
from semore_gym.cli.arguments import parse_train
from semore_gym.training.build import on_carla

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


def trainings_on_carla():
    """The command lines of trainings on the page of CARLA and in the compose file, without `semore train`."""
    root = Path(__file__).parent.parent
    for language, code in blocks(root / "docs" / "carla.md"):
        if language == "sh":
            for line in re.findall(r"^semore train (.*?)(?:  #.*)?$", code, re.MULTILINE):
                yield line.replace("$HOME", "/home/me").strip()
    compose = yaml.safe_load((root / "docker" / "docker-compose.yml").read_text())
    yield compose["services"]["trainer"]["command"].removeprefix("train ")


@pytest.mark.parametrize("line", list(trainings_on_carla()))
def test_trainings_on_carla_are_said_rightly(line):
    config = parse_train(shlex.split(line)).config()
    assert on_carla(config)
    CarlaConfig.from_environment(**config.carla)


def test_the_page_of_carla_tells_every_field():
    page = (Path(__file__).parent.parent / "docs" / "carla.md").read_text()
    told = "".join(line for line in page.splitlines() if line.startswith("| `"))
    assert [item.name for item in fields(CarlaConfig) if f"`{item.name}`" not in told] == []
