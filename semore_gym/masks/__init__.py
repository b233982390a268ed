"""Where knowledge-aware masks come from, by name."""

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

__all__ = ["MASKS", "MaskProvider", "NoMasks", "OracleMasks"]
