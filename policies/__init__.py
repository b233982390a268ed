"""Semore and its rivals: encoders, replay buffers and algorithms on Stable-Baselines3."""

from semore_gym.policies.algorithms import ALGORITHMS, PRESETS, make_algorithm
from semore_gym.policies.curl import CURL
from semore_gym.policies.deepmdp import DeepMDP
from semore_gym.policies.drq import DrQ
from semore_gym.policies.export import export_onnx
from semore_gym.policies.extractor import SemoreExtractor
from semore_gym.policies.flare import Flare
from semore_gym.policies.rad import RAD
from semore_gym.policies.replay.frames import FrameReplayBuffer
from semore_gym.policies.replay.late_masks import LateMasks
from semore_gym.policies.replay.selective import SelectiveReplayBuffer
from semore_gym.policies.semore import SemoreSAC
from semore_gym.policies.simoun import Simoun
from semore_gym.policies.state_sac import StateSAC
from semore_gym.policies.visual_policy import SemorePolicy, VisualPolicy
from semore_gym.policies.visual_sac import VisualSAC

__all__ = [
    "ALGORITHMS",
    "CURL",
    "PRESETS",
    "RAD",
    "DeepMDP",
    "DrQ",
    "Flare",
    "FrameReplayBuffer",
    "LateMasks",
    "SelectiveReplayBuffer",
    "SemoreExtractor",
    "SemorePolicy",
    "SemoreSAC",
    "Simoun",
    "StateSAC",
    "VisualPolicy",
    "VisualSAC",
    "export_onnx",
    "make_algorithm",
]
