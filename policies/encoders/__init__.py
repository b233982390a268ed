"""Convolutional encoders: from stacked frames to maps to a feature vector."""

from semore_gym.policies.encoders.base import Encoder, PixelEncoder
from semore_gym.policies.encoders.dual_stream import DualStreamEncoder, Guidance

__all__ = ["DualStreamEncoder", "Encoder", "Guidance", "PixelEncoder"]
