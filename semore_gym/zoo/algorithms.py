"""How RL Baselines3 Zoo finds, builds, loads and tunes the algorithms."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from semore_gym.policies import ALGORITHMS, VisualSAC, make_algorithm

HYPERPARAMS = Path(__file__).with_name("hyperparams.yml")


@dataclass(frozen=True)
class ZooAlgorithm:
    """An algorithm as the zoo's table holds one: called to build a model, asked to load one.

    Attributes:
        name: A name in `semore_gym.policies.ALGORITHMS`.
    """

    name: str

    def __call__(self, policy: str, preset: str = "paper", **kwargs: Any) -> VisualSAC:
        """Build a model.

        Args:
            policy: Must be `"auto"`, the algorithm's own; the zoo wants one in every hyperparameter file.
            preset: As in `make_algorithm`.
            **kwargs: The environment and the algorithm's arguments.

        Raises:
            ValueError: If the policy is another one, or as `make_algorithm` does.
        """
        if policy != "auto":
            raise ValueError(f"policy of {self.name} must be auto, got {policy!r}; sizes go by preset")
        return make_algorithm(self.name, preset=preset, **kwargs)

    def load(self, path: str, preset: str | None = None, **kwargs: Any) -> VisualSAC:
        """Load a model.

        Args:
            path: What the zoo saved.
            preset: Has no meaning here, the sizes are the model's; the zoo hands over what it trains with.
            **kwargs: As in Stable-Baselines3.
        """
        return ALGORITHMS.load(self.name).load(path, **kwargs)


def register_algorithms() -> dict[str, ZooAlgorithm]:
    """Put every algorithm that sees into the zoo's tables, with SAC's search space for its `--optimize`.

    A name under which the zoo has an algorithm of Stable-Baselines3 gets `visual_` in front: `visual_sac`.

    Returns:
        The algorithms by their names in the zoo.

    Raises:
        ModuleNotFoundError: If rl_zoo3 is missing.
    """
    from rl_zoo3 import ALGOS
    from rl_zoo3.hyperparams_opt import HYPERPARAMS_CONVERTER, HYPERPARAMS_SAMPLER

    taken = {name for name, algorithm in ALGOS.items() if not isinstance(algorithm, ZooAlgorithm)}
    seeing = [name for name in ALGORITHMS if ALGORITHMS.load(name).observation == "image"]
    ours = {f"visual_{name}" if name in taken else name: ZooAlgorithm(name) for name in seeing}
    for name, algorithm in ours.items():
        ALGOS[name] = algorithm  # type: ignore[assignment]  # what the zoo does with a class, it can do with ours
        HYPERPARAMS_SAMPLER[name] = HYPERPARAMS_SAMPLER["sac"]
        HYPERPARAMS_CONVERTER[name] = HYPERPARAMS_CONVERTER["sac"]
    return ours
