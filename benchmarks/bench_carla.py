"""Time per tick on CARLA that is not the simulator's: ours, the hop between processes and the client library.

The tests' server stands in for CARLA and says how long its ticks took; the rest is counted. 128x128 pixels, a
picture a tick.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time

import msgpack
import numpy as np

from helpers.carla import MAIN
from semore_gym import CarlaConfig
from semore_gym.backends.base import CameraConfig, Control
from semore_gym.backends.carla.backend import CarlaBackend
from semore_gym.scenarios import SCENARIOS

TICKS, ROUNDS = 200, 5


def busy(port):
    """Seconds that the server has spent on ticks."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(msgpack.packb([0, 0, "busy", [[False]]]))
        return msgpack.unpackb(connection.recv(4096))[3][0][1]


def measure(name, port):
    backend = CarlaBackend(CameraConfig(128, 128), CarlaConfig(port=port))
    backend.reset(SCENARIOS.load(name)().episode(np.random.default_rng(0)))
    rows = []
    for _ in range(ROUNDS):
        before, start = busy(port), time.perf_counter()
        for _ in range(TICKS):
            backend.tick(Control(throttle=0.3))
            backend.image("rgb")
        total = time.perf_counter() - start
        rows.append((total - (busy(port) - before), total))
    backend.close()
    ours, total = (value / TICKS * 1e3 for value in min(rows))
    print(f"{name:9s} {ours:5.2f} ms a tick are not the simulator's, of {total:.2f} ms; best of {ROUNDS}")


def main(port=2900):
    server = subprocess.Popen(
        [sys.executable, str(MAIN), "--port", str(port)], stdout=subprocess.PIPE, text=True
    )
    server.stdout.readline()
    for name in SCENARIOS:
        measure(name, port)
    server.kill()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        os.environ["HOME"] = home  # where the client library caches maps for ever
        main()
