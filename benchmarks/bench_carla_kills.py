"""A training whose CARLA server is killed a hundred times by SIGKILL, at any moment, on the tests' server."""

import collections
import os
import tempfile
import time
from pathlib import Path

import psutil

from helpers.carla import train_under_fire

KILLS, BETWEEN = 100, 8  # agent steps


def main():
    with tempfile.TemporaryDirectory() as home:
        os.environ["HOME"] = home  # where the client library caches maps for ever
        start = time.perf_counter()
        trainer, killed = train_under_fire(Path(home), KILLS, BETWEEN)
        seconds = time.perf_counter() - start
        reasons = collections.Counter(row["end_reason"] for row in trainer.run.rows("episodes"))
        left = [process.name() for process in psutil.Process().children(recursive=True)]
    print(f"{killed} kills, {trainer.agent_steps} of {trainer.run.config.steps} agent steps, {seconds:.0f} s")
    print(f"ends of episodes: {dict(reasons)}; processes left: {left}")


if __name__ == "__main__":
    main()
