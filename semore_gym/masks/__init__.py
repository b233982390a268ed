"""Where knowledge-aware masks come from, by name."""

from semore_gym.masks.asynchronous import AsyncMasks
from semore_gym.masks.base import MASKS, MaskProvider
from semore_gym.masks.cached import CachedMasks
from semore_gym.masks.config import MaskConfig, make_masks
from semore_gym.masks.learned import LearnedMasks
from semore_gym.masks.none import NoMasks
from semore_gym.masks.oracle import OracleMasks
from semore_gym.masks.vlm import VLMMasks

__all__ = [
    "MASKS",
    "AsyncMasks",
    "CachedMasks",
    "LearnedMasks",
    "MaskConfig",
    "MaskProvider",
    "NoMasks",
    "OracleMasks",
    "VLMMasks",
    "make_masks",
]
