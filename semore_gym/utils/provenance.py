"""Which code a result comes from."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("semore-gym", "stable-baselines3", "torch", "gymnasium", "numpy", "panda3d")


def git_revision() -> str:
    """The commit that the package lies in, with "-dirty" behind it if files differ; "" if it lies in none."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():  # installed: a repository around it would be somebody else's
        return ""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""  # no git here, or it does not trust the folder's owner


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
