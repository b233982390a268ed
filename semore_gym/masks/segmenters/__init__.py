"""Segmenters: what finds the things that a phrase names, by name."""

from __future__ import annotations

from semore_gym.masks.segmenters.base import Segmenter
from semore_gym.registry import Registry

SEGMENTERS: Registry[Segmenter] = Registry(
    "segmenter",
    {
        "clipseg": "semore_gym.masks.segmenters.clipseg:CLIPSegSegmenter",
        "cris": "semore_gym.masks.segmenters.cris.segmenter:CRISSegmenter",
        "sam3": "semore_gym.masks.segmenters.sam3:SAM3Segmenter",
    },
)

__all__ = ["SEGMENTERS", "Segmenter"]
