"""Servers of one's own: started on free ports, started again, and ended for certain."""

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from helpers.carla import MAIN
from semore_gym import CarlaConfig
from semore_gym.backends.base import CameraConfig, Control, SimulatorError
from semore_gym.backends.carla.client import greeting
from semore_gym.backends.carla.server import CarlaServer, answers, free_ports
from semore_gym.scenarios import SCENARIOS

pytest.importorskip("carla", reason="the carla client has no wheel for this Python or platform")

from semore_gym.backends.carla.backend import CarlaBackend


@pytest.fixture
def config(tmp_path, monkeypatch):
    """A config whose server is the tests', as a program such as CarlaUE4.sh: a shell that starts another."""
    monkeypatch.setenv("HOME", str(tmp_path))  # where the client library caches maps for ever
    return CarlaConfig(
        server=str(program(tmp_path, f"{sys.executable} {MAIN} $*")),
        log=str(tmp_path / "server.log"),
        timeout=3.0,
        start_timeout=20.0,
    )


def program(folder, command):
    """An executable that runs a shell command."""
    path = folder / "CarlaUE4.sh"
    path.write_text(f"#!/bin/sh\n{command}\nexit $?\n")
    path.chmod(0o755)
    return path


def family(pid):
    return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]


def assert_gone(processes):
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert not alive


@pytest.mark.slow
def test_it_starts_answers_and_ends_with_all_its_processes(config):
    server = CarlaServer(config)
    port = server.start()
    assert answers(port)
    assert 0.01 < server.memory() < 2.0
    processes = family(server.pid)
    assert len(processes) == 3  # guard, shell, python
    server.stop()
    assert not server.is_alive()
    assert_gone(processes)
    server.stop()


@pytest.mark.slow
def test_it_ends_when_its_owner_is_killed(config):
    code = (
        "import sys, time; from semore_gym import CarlaConfig; "
        "from semore_gym.backends.carla.server import CarlaServer; "
        "s = CarlaServer(CarlaConfig(server=sys.argv[1], log=sys.argv[2])); s.start(); "
        "print(s.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, config.server, config.log], stdout=subprocess.PIPE, text=True
    ) as owner:
        processes = family(int(owner.stdout.readline()))
        owner.kill()
    assert_gone(processes)


def test_a_program_that_ends_at_once_is_said_with_its_log(config, tmp_path):
    broken = replace(config, server=str(program(tmp_path, "echo no vulkan; exit 3")))
    with pytest.raises(SimulatorError, match=rf"ended at its start \(exit 3\): see {config.log}"):
        CarlaServer(broken).start()
    assert Path(config.log).read_text() == "no vulkan\n"


def test_the_end_of_its_own_output_is_shown(config, tmp_path):
    Path(config.log).write_text("of an earlier server\n")
    script = "echo 0; for i in 1 2 3 4; do echo $i; done; echo Cannot connect to the Docker daemon; exit 125"
    with pytest.raises(SimulatorError) as error:
        CarlaServer(replace(config, server=str(program(tmp_path, script)))).start()
    shown = "".join(f"\n  {line}" for line in (*"1234", "Cannot connect to the Docker daemon"))
    assert str(error.value) == (
        f"the CARLA server ended at its start (exit 125): see {config.log}, which ends:{shown}"
    )


def test_a_program_that_never_answers_is_ended(config, tmp_path):
    silent = replace(config, server=str(program(tmp_path, "sleep 77.7")), start_timeout=1.0)
    with pytest.raises(SimulatorError, match="did not answer within 1 s"):
        CarlaServer(silent).start()
    words = [process.info["cmdline"] for process in psutil.process_iter(["cmdline"])]
    assert ["sleep", "77.7"] not in words


@pytest.mark.slow
def test_a_slow_start_is_waited_for(config, tmp_path):
    slow = program(tmp_path, f"{sys.executable} {MAIN} --slow-start 2 $*")
    server = CarlaServer(replace(config, server=str(slow)))
    assert answers(server.start())
    server.stop()


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["--slow-load", "--proxied"])
def test_an_open_port_is_not_yet_a_server(fault, config, tmp_path):
    loading = program(tmp_path, f"{sys.executable} {MAIN} {fault} 4 $*")
    patient = replace(config, server=str(loading), timeout=1.0)
    server = CarlaServer(patient)
    port = server.start()
    assert greeting(replace(patient, port=port)) == "CARLA 0.9.16, map Town01"
    server.stop()
    with pytest.raises(SimulatorError, match="did not answer within 3 s"):
        CarlaServer(replace(patient, start_timeout=3.0)).start()


def test_a_server_of_another_version_is_said_at_its_start(config, tmp_path):
    other = program(tmp_path, f"{sys.executable} {MAIN} --version 0.9.15 $*")
    server = CarlaServer(replace(config, server=str(other)))
    with pytest.raises(SimulatorError, match=r"the server at .* is 0\.9\.15"):
        server.start()
    assert not server.is_alive()


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ("/nowhere/CarlaUE4.sh", "there is no '/nowhere/CarlaUE4.sh'"),
        ("", r"\. is a folder"),
        ("plain.sh", r"plain\.sh is not executable: chmod \+x plain\.sh"),
    ],
)
def test_no_such_program(server, said, config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("plain.sh").write_text("#!/bin/sh\n")
    with pytest.raises(SimulatorError, match=f"server must be the path of CarlaUE4.sh or 'docker'; {said}"):
        CarlaServer(replace(config, server=server)).start()


def test_a_program_in_this_folder_needs_no_slash(config, tmp_path, monkeypatch):
    name = program(tmp_path, "exit 3").name
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SimulatorError, match=r"ended at its start \(exit 3\)"):
        CarlaServer(replace(config, server=name)).start()


def test_docker_without_docker(config, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SimulatorError, match="no docker on this machine"):
        CarlaServer(replace(config, server="docker")).start()


@pytest.mark.slow
def test_docker_gets_a_container_that_is_removed(config, tmp_path, monkeypatch):
    """Docker cannot be had here: a program of its name writes down what it is told, and runs the server."""
    path = tmp_path / "docker"
    path.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/told\n[ "$1" = rm ] && exit\n'
        f'for last; do :; done\nexec {sys.executable} {MAIN} "$last"\n'
    )
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    server = CarlaServer(replace(config, server="docker", gpu=1))
    port = server.start()
    server.stop()
    run, removal = (tmp_path / "told").read_text().splitlines()
    assert run.startswith(f"run --rm --name semore-carla-{port} --gpus device=1 ")
    assert f"-p 127.0.0.1:{port}-{port + 2}:{port}-{port + 2} " in run
    options = f"-RenderOffScreen -nosound -quality-level=Epic -carla-rpc-port={port}"
    assert run.endswith(f" carlasim/carla:0.9.16 bash CarlaUE4.sh {options}")
    assert removal == f"rm -f semore-carla-{port}"


def test_ports_come_in_threes():
    ports = {free_ports() for _ in range(20)}
    assert not any(answers(port + i) for port in ports for i in range(3))
    assert len(ports) > 10
    assert max(ports) < 32_768  # below Linux's range for outgoing connections


def test_a_port_that_is_taken_is_not_mistaken_for_the_server(config):
    port = free_ports()
    said = f"ports {port} to {port + 2} must be free"
    with socket.create_server(("127.0.0.1", port + 1)), pytest.raises(SimulatorError, match=said):
        CarlaServer(config, port=port).start()


@pytest.mark.slow
def test_a_program_that_does_not_want_to_end_is_killed(config, tmp_path, monkeypatch):
    stubborn = replace(config, server=str(program(tmp_path, f"trap '' TERM; {sys.executable} {MAIN} $*")))
    server = CarlaServer(stubborn)
    server.start()
    processes = family(server.pid)
    server.stop()
    assert_gone(processes)


def episode(seed=0):
    return SCENARIOS.load("JayWalk")().episode(np.random.default_rng(seed))


@pytest.fixture
def backend_with(config):
    """backend_with(**changes) -> a backend with a server of its own; all are closed at the end."""
    made = []

    def make(**changes):
        made.append(CarlaBackend(CameraConfig(32, 32), replace(config, **changes)))
        return made[-1]

    yield make
    for backend in made:
        backend.close()


@pytest.mark.slow
def test_two_backends_have_a_server_each(backend_with):
    first, second = backend_with(), backend_with()
    ticks = [backend.reset(episode()) for backend in (first, second)]
    assert ticks[0] == ticks[1]
    assert first._config.port != second._config.port
    processes = [process for backend in (first, second) for process in family(backend._server.pid)]
    for backend in (first, second):
        backend.close()
    assert_gone(processes)


@pytest.mark.slow
@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP])
def test_a_server_that_dies_or_hangs_is_started_again(blow, backend_with):
    backend = backend_with()
    backend.reset(episode())
    processes = family(backend._server.pid)
    os.kill(processes[-1].pid, blow)
    start = time.monotonic()
    with pytest.raises(
        SimulatorError, match="server ended" if blow == signal.SIGKILL else "did not|time-out"
    ):
        backend.tick(Control())
    backend.reset(episode())
    assert backend.tick(Control()).frame == 1
    assert time.monotonic() - start < 30.0
    assert_gone(processes)


@pytest.mark.slow
def test_it_is_started_anew_after_so_many_episodes(backend_with):
    backend = backend_with(recycle_episodes=2)
    pids = []
    for i in range(5):
        backend.reset(episode(i))
        pids.append(backend._server.pid)
    assert pids[0] == pids[1] != pids[2] == pids[3] != pids[4]


@pytest.mark.slow
def test_it_is_started_anew_when_it_has_grown(backend_with):
    backend = backend_with(recycle_memory=1e-6)
    backend.reset(episode())
    first = backend._server.pid
    backend.reset(episode())
    assert backend._server.pid != first
