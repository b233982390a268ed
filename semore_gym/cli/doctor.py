"""`semore doctor`."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from typing import Literal

import gymnasium as gym
from rich.console import Console
from rich.markup import escape

from semore_gym.backends.base import SimulatorError
from semore_gym.backends.carla.client import greeting
from semore_gym.backends.carla.config import CARLA_VARIABLE, CarlaConfig
from semore_gym.cli.command import Command
from semore_gym.envs.window import screen_available
from semore_gym.registry import Registry
from semore_gym.vlm.hub_models import models_found

PACKAGES = ("gymnasium", "numpy", "torch", "stable-baselines3", "sb3-contrib", "panda3d", "pillow", "tyro")
TABLES = (
    "semore_gym.backends:BACKENDS",
    "semore_gym.masks:MASKS",
    "semore_gym.judges:JUDGES",
    "semore_gym.masks.phrasers:PHRASERS",
    "semore_gym.masks.segmenters:SEGMENTERS",
    "semore_gym.policies:ALGORITHMS",
    "semore_gym.scenarios:SCENARIOS",
    "semore_gym.vlm.chats:CHATS",
)
MARKS = {"works": "[green] works[/]", "broken": "[red]broken[/]", "note": "[cyan]  note[/]"}
TIMED_STEPS = 50


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    state: Literal["works", "broken", "note"]
    """Whether it works, is broken and needed, or is only told."""
    text: str


@dataclass(frozen=True)
class Doctor(Command):
    """Say in plain words what works on this machine; the exit code is 0 if training does."""

    carla: str | None = None
    """Address of a CARLA server to ask, host:port; None is the variable SEMORE_CARLA, if it is set."""

    def run(self, console: Console) -> int:
        """Look at everything, print a line each and a verdict."""
        broken = 0
        for finding in findings(self.carla):
            console.print(f"{MARKS[finding.state]}  {escape(finding.text)}")
            broken += finding.state == "broken"
        if broken:
            console.print("something that training needs is broken; its line says what")
        else:
            console.print("training in the embedded simulator works on this machine")
        return min(broken, 1)


def findings(carla: str | None = None) -> Iterator[Finding]:
    """Look at one thing after the other; a failure of one does not hide the others."""
    checks: tuple[tuple[str, Callable[[], Iterator[Finding]]], ...] = (
        ("Python", _python),
        ("the packages", _packages),
        ("semore-gym's own files", _own_files),
        ("the embedded simulator", _simulator),
        ("torch", _torch),
        ("videos", _video),
    )
    for what, check in checks:
        try:
            yield from check()
        except Exception as error:  # noqa: BLE001  whatever is wrong on a strange machine is what we tell
            yield Finding("broken", f"{what}: {type(error).__name__}: {error}")
    yield from _screen()
    yield from _carla(carla or os.environ.get(CARLA_VARIABLE))
    for line in models_found():
        yield Finding("note", line)


def _python() -> Iterator[Finding]:
    text = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    good = (3, 10) <= sys.version_info[:2] <= (3, 13)
    yield Finding("works" if good else "broken", text if good else f"{text}: 3.10 to 3.13 is supported")


def _packages() -> Iterator[Finding]:
    yield Finding("works", ", ".join(f"{name} {version(name)}" for name in ("semore-gym", *PACKAGES)))


def _own_files() -> Iterator[Finding]:
    count = 0
    for entry in TABLES:
        module, _, name = entry.partition(":")
        table: Registry[object] = getattr(import_module(module), name)
        for key in table:
            table.load(key)
            count += 1
    yield Finding("works", f"semore-gym is installed completely: {count} table entries load")


def _simulator() -> Iterator[Finding]:
    env = gym.make("SemoreCarla-HighWay-v0", backend="embedded")
    try:
        observation, _ = env.reset(seed=0)
        if observation.min() == observation.max():
            yield Finding("broken", "the embedded simulator draws a frame of one single colour")
            return
        start = time.perf_counter()
        for _ in range(TIMED_STEPS):
            _, _, terminated, truncated, _ = env.step(env.action_space.sample())
            if terminated or truncated:
                env.reset()
        speed = TIMED_STEPS / (time.perf_counter() - start)
    finally:
        env.close()
    size = "x".join(str(side) for side in observation.shape[:2])
    yield Finding(
        "works", f"the embedded simulator drives and draws {size} frames, {speed:.0f} agent steps/s"
    )


def _torch() -> Iterator[Finding]:
    import torch

    yield Finding("works", f"torch computes on the CPU with {torch.get_num_threads()} threads")
    if torch.cuda.is_available():
        names = ", ".join(torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count()))
        yield Finding("works", f"GPU: {names}; --device auto takes it")
    else:
        yield Finding("note", "no GPU that torch can use: training runs on the CPU, best with --preset light")


def _video() -> Iterator[Finding]:
    import imageio_ffmpeg

    yield Finding("works", f"videos are written by {imageio_ffmpeg.get_ffmpeg_exe()}")


def _screen() -> Iterator[Finding]:
    if screen_available():
        yield Finding("works", "there is a screen: `semore watch` opens a window")
    else:
        yield Finding("note", "there is no screen: `semore watch` writes a video")


def _carla(address: str | None) -> Iterator[Finding]:
    if find_spec("carla") is None:
        yield Finding(
            "broken" if address else "note",
            'CARLA\'s Python client is not installed: pip install "semore-gym[carla]" (Python 3.10 - 3.12)',
        )
        return
    yield Finding("note", f"CARLA's Python client {version('carla')} is installed")
    if address is None:
        yield Finding("note", "no CARLA address: give --carla host:port, or set SEMORE_CARLA")
        return
    try:
        yield Finding("works", f"{address} answers: {greeting(CarlaConfig.from_address(address))}")
    except (ValueError, SimulatorError) as error:
        yield Finding("broken", str(error))
