"""A CARLA server of our own, in its own process, for the real client library."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helpers.carla import Server

# processes that tests start find `helpers` too
os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])


@pytest.fixture
def start_carla() -> Iterator[Callable[..., Server]]:
    """start_carla(*options) -> a server of this test's own, with words of its command line."""
    started = []

    def start(*options: str) -> Server:
        started.append(Server(*options))
        return started[-1]

    yield start
    for server in started:
        server.kill()


@pytest.fixture(scope="session")
def idle_servers() -> Iterator[list[Server]]:
    """Servers that no test uses now."""
    idle: list[Server] = []
    yield idle
    for server in idle:
        server.kill()


@pytest.fixture
def carla_address(idle_servers: list[Server]) -> Iterator[Callable[[], str]]:
    """carla_address() -> "host:port" of a server that this test has for itself, maybe used before."""
    taken = []

    def take() -> str:
        taken.append(idle_servers.pop() if idle_servers else Server())
        return f"127.0.0.1:{taken[-1].port}"

    yield take
    idle_servers.extend(server for server in taken if server.process.poll() is None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Repeat tests on CARLA that the client library's own hang has ended.

    Once in some 15,000 ticks with a synchronous traffic manager a wake-up is lost in it. The environment
    gets over that with the loss of an episode, as it should; a test of something else cannot.
    """
    hangs = pytest.mark.flaky(reruns=2, only_rerun=["did not answer", "timed out after"])
    for item in items:
        if "carla" in item.nodeid or "carla_address" in getattr(item, "fixturenames", ()):
            item.add_marker(hangs)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell which tests were repeated, and how often: a hang that becomes frequent must not go unseen."""
    repeated = Counter(report.nodeid for report in terminalreporter.stats.get("rerun", []))
    if repeated:
        terminalreporter.section(f"repeated on CARLA: {repeated.total()}")
        for test, times in repeated.most_common():
            terminalreporter.line(f"{times} x {test}")
