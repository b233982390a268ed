"""Replay buffers that store every frame once."""

from semore_gym.policies.replay.frames import FrameReplayBuffer
from semore_gym.policies.replay.selective import SelectiveReplayBuffer

__all__ = ["FrameReplayBuffer", "SelectiveReplayBuffer"]
