"""Where knowledge-aware masks come from, by name."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from semore_gym.masks.base import MaskProvider
from semore_gym.masks.none import NoMasks
from semore_gym.masks.oracle import OracleMasks
from semore_gym.registry import Registry

MASKS: Registry[MaskProvider] = Registry(
    "masks",
    {
        "none": "semore_gym.masks.none:NoMasks",
        "oracle": "semore_gym.masks.oracle:OracleMasks",
    },
)

LAZY = {
    "AsyncMasks": "asynchronous",
    "CachedMasks": "cached",
    "VLMMasks": "vlm",
    "make_masks": "config",
}

if TYPE_CHECKING:
    from semore_gym.masks.asynchronous import AsyncMasks
    from semore_gym.masks.cached import CachedMasks
    from semore_gym.masks.config import make_masks
    from semore_gym.masks.vlm import VLMMasks


def __getattr__(name: str) -> Any:
    """Import what most programs do without only when it is asked for."""
    if name not in LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{LAZY[name]}"), name)


__all__ = [
    "MASKS",
    "AsyncMasks",
    "CachedMasks",
    "MaskProvider",
    "NoMasks",
    "OracleMasks",
    "VLMMasks",
    "make_masks",
]
