"""Gymnasium wrappers that turn any image environment into what visual agents see."""

from semore_gym.wrappers.frame_history import FrameHistory
from semore_gym.wrappers.residual_frames import ResidualFrames
from semore_gym.wrappers.semantic_mask import SemanticMask

__all__ = ["FrameHistory", "ResidualFrames", "SemanticMask"]
