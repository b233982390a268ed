"""Drives a finished agent where it was not trained."""

from __future__ import annotations

from collections.abc import Callable

from semore_gym.envs.naming import scenario_and_weather, shifted_config
from semore_gym.evaluation import Evaluation, evaluate
from semore_gym.policies import VisualSAC
from semore_gym.results.read import SHIFTED
from semore_gym.training.build import build_env
from semore_gym.training.episode_rows import EpisodeRows
from semore_gym.training.run_folder import RunFolder


def drive_shifts(
    run: RunFolder,
    model: VisualSAC,
    wall_seconds: Callable[[], float],
    tell: Callable[[str, Evaluation], None],
) -> None:
    """Evaluate the agent as it is in each of the run's `shifts`, but where it has been already.

    Each shift gets the episodes' seeds of the ordinary evaluations. Its rows are written at once, into a
    table of their own: they are no part of the learning curve, and nobody who groups the ordinary ones by
    scenario must find them there.

    Args:
        run: The run; `shifted_episodes` gets the columns of `EpisodeRows`, before them `shift` and the
            scenario that the agent was `trained_on`.
        model: Its agent.
        wall_seconds: That the run has taken so far [s].
        tell: Called with each shift and what was found.
    """
    config, steps = run.config, model.num_timesteps
    rows = [row for row in run.rows(SHIFTED) if int(row["step"]) == steps]
    done = {row["shift"] for row in rows}
    for shift in config.shifts:
        if shift in done:
            continue
        shifted = shifted_config(config, shift)
        env = build_env(shifted, masks="none")
        try:
            result = evaluate(model, env, config.evaluation_episodes, config.evaluation_seed)
        finally:
            env.close()
        whose = {"shift": shift, "trained_on": scenario_and_weather(config)[0]}
        found = EpisodeRows(run, model.device, shifted).of(result, steps, wall_seconds())
        rows += [{**whose, **row} for row in found]
        run.write_rows(SHIFTED, rows)
        tell(shift, result)
