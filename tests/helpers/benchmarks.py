"""Benchmarks that take seconds, run by the command in a process of its own."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

from semore_gym.training.run_folder import RunFolder

SETTINGS = {
    "image_size": 36,
    "steps": 80,
    "max_ticks": 40,
    "evaluate_every": 40,
    "checkpoint_every": 20,
    "evaluation_episodes": 2,
    "device": "cpu",
    "threads": 1,
    "algo_options": {"learning_starts": 30, "batch_size": 8},
}
METHODS = {"sac": None, "m1": {"algo": "semore", "algo_options": {"variant": "m1"}}}
BROKEN = """
from semore_gym.policies import ALGORITHMS, VisualSAC

class Broken(VisualSAC):
    def train(self, gradient_steps, batch_size=64):
        raise RuntimeError("the wheel has come off")

ALGORITHMS.register("broken", "broken:Broken")
"""


def write_matrix(folder: Path, methods: dict[str, Any], **settings: object) -> None:
    matrix = {"scenarios": ["JayWalk"], "seeds": 1, "settings": SETTINGS | settings, "methods": methods}
    (folder / "tiny.yaml").write_text(yaml.safe_dump(matrix, sort_keys=False))


def start(folder: Path, *options: str, to: str = "bench") -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "semore_gym", "benchmark", "tiny.yaml", "--to", to, *options]
    return subprocess.Popen(
        command,
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        # tests that run in a shell's background ignore Ctrl-C, and what they start would inherit that
        preexec_fn=_take_ctrl_c,
    )


def _take_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def finish(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate()
    assert process.returncode == 0, said
    return said


def has_a_checkpoint(trial: Path) -> bool:
    """Beyond its beginning."""
    return any(path.name > "step-000000000" for path in trial.glob("checkpoints/step-?????????"))


def wait_for_checkpoint(process: subprocess.Popen[str], trial: Path) -> None:
    while not has_a_checkpoint(trial):
        assert process.poll() is None, f"the benchmark ended: {process.communicate()[0]}"
        time.sleep(0.005)


def tables(bench: Path, trials: list[str]) -> dict[str, list[dict[str, str]]]:
    """What must not depend on kills: every trial's episodes and evaluations."""
    own = ("wall_seconds", "git_revision")
    return {
        f"{trial}/{name}": [
            {key: value for key, value in row.items() if key not in own}
            for row in RunFolder(bench / "trials" / trial).rows(name)
        ]
        for trial in trials
        for name in ("episodes", "evaluations", "evaluation_episodes")
    }
