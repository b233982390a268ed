"""Drivers that have learnt nothing, on the episodes that trained agents were evaluated on."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from semore_gym.agents import BUILT_IN, Measurement
from semore_gym.evaluation import Evaluation
from semore_gym.results.read import Trial

LOG = logging.getLogger(__name__)


def drive_references(trial: Trial) -> Mapping[str, Evaluation]:
    """Let the scripted driver, a random one, one that does nothing and one at full throttle drive.

    Args:
        trial: Whose environment and evaluation episodes they get.

    Returns:
        Evaluations by the driver's name.
    """
    config = trial.run.config
    found = {}
    for name in BUILT_IN:
        LOG.info("%s drives %d episodes of %s", name, config.evaluation_episodes, config.env)
        with Measurement(name, config, config.evaluation_episodes, config.evaluation_seed) as measurement:
            found[name] = measurement.run()
    return found
