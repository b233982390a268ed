"""`semore carla`: servers that go on when the command that started them has ended."""

import os
import subprocess
import sys

import psutil
import pytest

from helpers.carla import MAIN
from semore_gym.backends.carla.server import answers, free_ports


@pytest.fixture
def semore(tmp_path):
    """semore(*words) -> exit code and what `semore carla` said, in a cache folder of this test's own."""

    def run(*words):
        done = subprocess.run(
            [sys.executable, "-m", "semore_gym", "carla", *words],
            env={**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")},
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout + done.stderr

    yield run
    run("stop")


@pytest.fixture
def program(tmp_path):
    """The tests' server as a program such as CarlaUE4.sh."""
    path = tmp_path / "CarlaUE4.sh"
    path.write_text(f"#!/bin/sh\necho hello\nexec {sys.executable} {MAIN} $*\n")
    path.chmod(0o755)
    return path


def ours(port):
    """The processes of the server at a port."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if f"-carla-rpc-port={port}" in (process.info["cmdline"] or [])
    ]


@pytest.mark.slow
def test_a_server_goes_on_until_it_is_stopped(semore, program, tmp_path):
    ports = [free_ports(), free_ports()]
    for port in ports:
        code, said = semore("start", "--server", str(program), "--port", str(port))
        assert code == 0
        assert f"answers at 127.0.0.1:{port}" in said
        assert f"semore train --carla port={port}" in said
    log = tmp_path / "cache" / "semore-gym" / "carla" / f"{ports[0]}.log"
    assert log.read_text().startswith("hello")
    code, said = semore("status")
    assert said.count("answers at") == 2
    processes = ours(ports[0])
    assert len(processes) == 2  # guard and server
    assert semore("stop", "--port", str(ports[0]))[0] == 0
    assert not psutil.wait_procs(processes, timeout=5)[1]
    assert [answers(port) for port in ports] == [False, True]
    semore("stop")
    assert semore("status") == (0, "no server was started here\n")
    assert not ours(ports[1])


@pytest.mark.slow
def test_a_server_that_has_ended_is_told(semore, program):
    port = free_ports()
    semore("start", "--server", str(program), "--port", str(port))
    processes = ours(port)
    processes[-1].kill()
    psutil.wait_procs(processes, timeout=5)
    assert f"{port}: {program} ended, see " in semore("status")[1]
    assert semore("start", "--server", str(program), "--port", str(port))[0] == 0


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["start", "--server", "/nowhere/CarlaUE4.sh"], 1, "there is no '/nowhere/CarlaUE4.sh'"),
        (["start", "--port", "0"], 2, "port must be from 1 to 65534, got 0"),
        (["stop", "--port", "7"], 1, "no server was started at port 7"),
        (["restart"], 2, "invalid choice 'restart'"),
    ],
)
def test_mistakes_are_told_plainly(words, code, message, semore):
    returned, said = semore(*words)
    assert returned == code
    assert message in said
