"""Drive episodes with a policy, measure them, show them."""

from semore_gym.evaluation.policies import ConstantPolicy, RandomPolicy, ScriptedPolicy
from semore_gym.evaluation.rollout import evaluate
from semore_gym.evaluation.table import table
from semore_gym.evaluation.video import plot_learning_curve, record_episode
from semore_gym.results.metrics import METRICS, Metric
from semore_gym.results.record import EpisodeRecord, Evaluation

__all__ = [
    "METRICS",
    "ConstantPolicy",
    "EpisodeRecord",
    "Evaluation",
    "Metric",
    "RandomPolicy",
    "ScriptedPolicy",
    "evaluate",
    "plot_learning_curve",
    "record_episode",
    "table",
]
