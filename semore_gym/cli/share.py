"""`semore share`."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from tyro.conf import Positional

from semore_gym.cli.command import Command, CommandError, asked


@dataclass(frozen=True)
class Share(Command):
    """Share a trained agent, with its metrics and video, in a folder or on Hugging Face's hub."""

    policy: Positional[str]
    """A run folder, or a checkpoint in one."""
    to: Path | None = None
    """Write this folder and upload nothing."""
    repo_id: str | None = None
    """Upload to this repository, user/name; it is made if it does not exist."""
    private: bool = False
    """Whether a repository that is made is private."""
    episodes: int = 20
    """Episodes to measure for the model card; 0 leaves the metrics out."""

    def __post_init__(self) -> None:
        if (self.to is None) == (self.repo_id is None):
            raise ValueError("share needs either --to FOLDER or --repo-id USER/NAME")
        if self.episodes < 0:
            raise ValueError(f"episodes must be at least 0, got {self.episodes}")

    def run(self, console: Console) -> int:
        """Share the agent with its metrics and the run's newest video."""
        from semore_gym.agents import named_agent, run_of
        from semore_gym.evaluation import evaluate
        from semore_gym.hub import push_to_hub, save_to_folder
        from semore_gym.hub.folder import require_hub
        from semore_gym.training.build import build_vec_env

        require_hub()  # before the episodes are driven
        with asked():
            run = run_of(self.policy)
            if run is None:
                reason = "is no run folder and lies in none: where it learnt is not known"
                raise CommandError(f"{self.policy} {reason}")
            model = named_agent(self.policy, device="cpu")
        evaluation = None
        if self.episodes:
            with closing(build_vec_env(run.config, 1, masks="none")) as env:
                evaluation = evaluate(model, env, self.episodes, run.config.evaluation_seed)
        video = max(run.path.glob("videos/*.mp4"), default=None)
        with asked():
            if self.to is not None:
                folder = save_to_folder(model, self.to, env=run.config, evaluation=evaluation, video=video)
                console.print(f"{self.policy} is shared at {folder}")
            else:
                assert self.repo_id is not None
                parts: dict[str, Any] = {"env": run.config, "evaluation": evaluation, "video": video}
                commit = push_to_hub(model, self.repo_id, private=self.private, **parts)
                console.print(f"{self.policy} is shared at {commit}")
        return 0
