"""`semore train --resume RUN` in a process that ends when its parent does, however that came about."""

from __future__ import annotations

import os
import runpy
import sys

from semore_gym.utils.processes import at_end_of_input

if __name__ == "__main__":
    at_end_of_input(lambda: os._exit(1))
    sys.argv[1:] = ["train", "--resume", sys.argv[1]]
    runpy.run_module("semore_gym", run_name="__main__")
