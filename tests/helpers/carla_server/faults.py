"""What goes wrong on demand."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import time


def add_faults(parser: argparse.ArgumentParser) -> None:
    """Options, each a tick of the server's life (0 = never) unless it says otherwise."""
    parser.add_argument("--slow-start", type=float, default=0.0, help="seconds before it listens")
    parser.add_argument("--slow-load", type=float, default=0.0, help="seconds in which it answers no call")
    parser.add_argument("--proxied", type=float, default=0.0, help="seconds in which it drops connections")
    parser.add_argument("--drop-at", type=int, default=0, help="close the connection instead of ticking")
    parser.add_argument("--hang-at", type=int, default=0, help="never answer this tick")
    parser.add_argument("--die-at", type=int, default=0, help="kill the server by SIGKILL")
    parser.add_argument("--delay-at", type=int, default=0, help="answer this tick late")
    parser.add_argument("--delay", type=float, default=30.0, help="how late, in seconds")
    parser.add_argument("--no-picture-at", type=int, default=0, help="send no pictures of this tick")
    parser.add_argument("--late-picture-at", type=int, default=0, help="send them half a second late")
    parser.add_argument("--twice-at", type=int, default=0, help="send them twice")
    parser.add_argument("--kerb", type=float, default=0.0, help="height of every sidewalk, in metres")
    parser.add_argument("--without", default="", help="a blueprint that the catalogue lacks")
    parser.add_argument("--no-rendering", action="store_true", help="whether it starts in that mode")
    parser.add_argument("--no-weather", action="store_true", help="whether it refuses every weather")
    parser.add_argument(
        "--refuse-spawns", type=int, default=0, help="how many spawns to refuse, from the 4th"
    )


class Faults:
    """Counts ticks and spawns, and breaks what it was told to break.

    Args:
        plan: The options of `add_faults`.
    """

    def __init__(self, plan: argparse.Namespace) -> None:
        self.plan = plan
        self.ticks = 0
        self.spawns = 0
        self.began = time.monotonic()

    async def before(self, name: str) -> None:
        """Called before each call is answered."""
        age = time.monotonic() - self.began
        if age < self.plan.proxied:
            raise ConnectionError
        await asyncio.sleep(max(self.plan.slow_load - age, 0.0))
        if name != "tick_cue":
            return
        self.ticks += 1
        if self.ticks == self.plan.die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if self.ticks == self.plan.drop_at:
            raise ConnectionError
        if self.ticks == self.plan.hang_at:
            await asyncio.Event().wait()
        if self.ticks == self.plan.delay_at:
            await asyncio.sleep(self.plan.delay)

    def refuses_spawn(self) -> bool:
        """Whether the next spawn is refused."""
        self.spawns += 1
        return self.spawns in range(4, 4 + self.plan.refuse_spawns)

    def times_sent(self) -> int:
        """How often this tick's pictures go out."""
        return {self.plan.no_picture_at: 0, self.plan.twice_at: 2}.get(self.ticks, 1)

    def delay_of_pictures(self) -> float:
        """How late they go out [s]."""
        return 0.5 if self.ticks == self.plan.late_picture_at else 0.0
