"""Runs a program in a process group of its own and ends the whole group, whatever happens to its owner.

`python -m semore_gym.backends.carla.guard ATTACHED CLEANUP... -- COMMAND...`, started by `CarlaServer`.
ATTACHED is 1 where the program ends with its owner: the end of standard input tells. CLEANUP is a command
that is run last, or nothing. For Linux.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

from semore_gym.utils.processes import at_end_of_input

PATIENCE = 5.0  # between asking to end and killing [s]
LOOK_EVERY = 0.05  # [s]


def main(attached: bool, cleanup: list[str], command: list[str]) -> int:
    """Run the command until it ends, or its owner does, or this process is asked to end."""
    asked: list[str] = []  # by whom
    signal.signal(signal.SIGTERM, lambda *_: asked.append("a signal"))
    program = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the owner's to answer
    if attached:
        at_end_of_input(lambda: asked.append("the owner's end"))
    while program.poll() is None and not asked:
        time.sleep(LOOK_EVERY)
    code = program.poll()
    _end_group(program)  # its children too, where it left some behind
    if cleanup:
        subprocess.run(cleanup, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return code or 0


def _end_group(program: subprocess.Popen[bytes]) -> None:
    _signal_group(program, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        program.wait(PATIENCE)
    _signal_group(program, signal.SIGKILL)


def _signal_group(program: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(program.pid, number)


if __name__ == "__main__":
    split = sys.argv.index("--")
    sys.exit(main(sys.argv[1] == "1", sys.argv[2:split], sys.argv[split + 1 :]))
