"""Drivers that have learnt nothing, on the episodes that trained agents were evaluated on."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import closing

from semore_gym.agents import BUILT_IN, named_policy
from semore_gym.evaluation import evaluate
from semore_gym.results.read import FinishedRun
from semore_gym.results.record import Evaluation
from semore_gym.training.build import build_vec_env

LOG = logging.getLogger(__name__)


def drive_references(run: FinishedRun) -> Mapping[str, Evaluation]:
    """Let the scripted driver, a random one, one that does nothing and one at full throttle drive.

    Args:
        run: Whose environment and evaluation episodes they get.

    Returns:
        Evaluations by the driver's name.
    """
    config = run.config
    found = {}
    with closing(build_vec_env(config, 1, masks="none")) as env:
        for name in BUILT_IN:
            LOG.info("%s drives %d episodes of %s", name, config.evaluation_episodes, config.env)
            policy = named_policy(name, env, seed=config.evaluation_seed)
            found[name] = evaluate(policy, env, config.evaluation_episodes, config.evaluation_seed)
    return found
