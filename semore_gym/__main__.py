"""`python -m semore_gym` is the program `semore`."""

import sys

from semore_gym.cli import main

if __name__ == "__main__":
    sys.exit(main())
