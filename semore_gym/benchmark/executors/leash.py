"""`semore train --resume RUN` in a process that ends when its parent does, however that came about."""

from __future__ import annotations

import os
import sys
import threading

from semore_gym.cli import main


def end_with_parent() -> None:
    """End this process at once when the other end of its standard input is closed.

    Unlike a signal at the parent's death, which only Linux has, a pipe works everywhere.
    """
    while os.read(0, 1):  # not sys.stdin, whose lock would hang the interpreter's shutdown
        pass
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=end_with_parent, daemon=True).start()
    sys.exit(main(["train", "--resume", sys.argv[1]]))
