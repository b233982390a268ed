"""`semore export`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from tyro.conf import Positional

from semore_gym.cli.command import Command, asked
from semore_gym.utils.files import ready_to_write


@dataclass(frozen=True)
class Export(Command):
    """Write how a trained agent acts as an ONNX file, which runs where there is no torch."""

    policy: Positional[str]
    """A run folder, a checkpoint, a model.zip, a shared agent or hf:user/name."""
    path: Positional[Path] = Path("driver.onnx")
    """Where the file goes."""
    algo: str = "semore"
    """Algorithm of a model.zip that lies in no run folder."""

    def run(self, console: Console) -> int:
        """Write the file."""
        from semore_gym.agents import named_agent
        from semore_gym.envs.driving_env import ACTION_NAMES
        from semore_gym.policies import export_onnx

        ready_to_write(self.path)
        with asked():
            agent = named_agent(self.policy, self.algo, device="cpu")
            path = export_onnx(agent, self.path, ACTION_NAMES)
        console.print(f"{self.policy} written to {path}: {path.stat().st_size / 1e6:.1f} MB")
        return 0
