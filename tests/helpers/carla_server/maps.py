"""CARLA's own towns, as far as the scenarios use them."""

from __future__ import annotations

import gzip
from pathlib import Path


def town(name: str) -> str:
    """The OpenDRIVE document of a town of CARLA 0.9.16, whose licence is beside it."""
    return gzip.decompress((Path(__file__).parent / "towns" / f"{name}.xodr.gz").read_bytes()).decode()
