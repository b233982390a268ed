"""`semore share`."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.prompt import Confirm
from tyro.conf import Positional

from semore_gym.cli.command import Command, CommandError, asked
from semore_gym.utils.files import ready_to_write


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
    yes: bool = False
    """Replace what is there of an agent's files without asking."""
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
            self._confirm(console)
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

    def _confirm(self, console: Console) -> None:
        """Ask where there is something already.

        Raises:
            CommandError: If the answer is no, or nobody can be asked.
            OSError: If the folder could not be written.
        """
        from semore_gym.hub import exists_on_hub

        if self.to is not None:
            place = str(self.to)
            taken = self.to.is_dir() and any(self.to.iterdir())
            ready_to_write(self.to / "README.md")
        else:
            assert self.repo_id is not None
            place, taken = self.repo_id, not self.yes and exists_on_hub(self.repo_id)
        if not taken or self.yes:
            return
        if not sys.stdin.isatty():
            raise CommandError(f"{place} is there already; --yes replaces its agent")
        if not Confirm.ask(f"{place} is there already. Replace its agent?", console=console, default=False):
            raise CommandError(f"{place} was left as it is", code=1)
