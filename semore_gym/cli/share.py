"""What `semore share` does: measure an agent, then write it into a folder or put it on the hub."""

from __future__ import annotations

from pathlib import Path

from semore_gym.agents import Measurement, named_agent
from semore_gym.cli.arguments import ShareArguments
from semore_gym.hub import push_to_hub, save_to_folder
from semore_gym.training.run_folder import RunFolder


def share(given: ShareArguments) -> str:
    """Share the agent of a run with its metrics and the run's newest video.

    Returns:
        Where it is: the folder, or the address of the commit.

    Raises:
        ValueError: If there is no such run, or the hub refuses.
        ModuleNotFoundError: If the extra's packages are missing.
    """
    run = RunFolder.containing(Path(given.policy))
    if run is None:
        raise ValueError(f"{given.policy} is no run folder and lies in none: where it learnt is not known")
    model = named_agent(given.policy, device="cpu")
    evaluation = None
    if given.episodes:
        with Measurement(given.policy, run.config, given.episodes, run.config.evaluation_seed) as measurement:
            evaluation = measurement.run()
    video = max(run.path.glob("videos/*.mp4"), default=None)
    if given.to is not None:
        return str(save_to_folder(model, given.to, env=run.config, evaluation=evaluation, video=video))
    assert given.repo_id is not None
    return push_to_hub(
        model, given.repo_id, private=given.private, env=run.config, evaluation=evaluation, video=video
    )
