"""Judges: what says whether an action was a reasonable one to try."""

from __future__ import annotations

from semore_gym.judges.base import Judge, Question
from semore_gym.judges.rule import RuleJudge
from semore_gym.registry import Registry

JUDGES: Registry[Judge] = Registry(
    "judge",
    {
        "endpoint": "semore_gym.judges.chat:ENDPOINT",
        "rule": "semore_gym.judges.rule:RuleJudge",
        "vlm": "semore_gym.judges.chat:LOCAL",
    },
)

__all__ = ["JUDGES", "Judge", "Question", "RuleJudge"]
