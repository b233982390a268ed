"""`semore evaluate`."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from semore_gym.cli.command import PolicyCommand, asked
from semore_gym.utils.files import ready_to_write


@dataclass(frozen=True)
class Evaluate(PolicyCommand):
    """Drive episodes without learning and print the metrics."""

    episodes: int = 20
    """Episodes to drive."""
    seed: int = 1
    """Seed of the episodes; every policy drives the same ones."""
    n_envs: int = 1
    """Environments that run at the same time; several have a process each in CARLA, and elsewhere where there
    is a CPU for each."""
    csv: Path | None = None
    """Where the table of episodes goes, over what was there; None is a new file beside the run,
    or in runs/."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, low in (("episodes", 1), ("seed", 0), ("n_envs", 1)):
            self._check_at_least(name, low)

    def run(self, console: Console) -> int:
        """Drive, print a table and write the episodes; masks are not drawn, since no policy looks at them."""
        from semore_gym.agents import named_policy
        from semore_gym.evaluation import evaluate, table
        from semore_gym.training.build import build_vec_env, close_vec_env

        path = self.csv or self.result_path(self.seed, ".csv")
        with ExitStack() as stack:
            with asked():
                env = build_vec_env(self, self.n_envs, masks="none")
                stack.push(lambda kind, *_: close_vec_env(env, interrupted=kind is KeyboardInterrupt))
                policy = named_policy(self.policy, env, self.algo, self.device, self.seed)
            ready_to_write(path)
            result = evaluate(policy, env, self.episodes, self.seed)
        console.print(table({self.policy: result}), soft_wrap=False)
        result.to_csv(path)
        console.print(f"{result.episode_count} written to {path}")
        return 0
