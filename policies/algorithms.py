"""Algorithms by name and the sizes that they come in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stable_baselines3.common.type_aliases import GymEnv

from semore_gym.policies.encoders.base import LIGHT_CHANNELS, LIGHTER_CHANNELS, PAPER_CHANNELS
from semore_gym.registry import Registry

if TYPE_CHECKING:
    from semore_gym.policies.visual_sac import VisualSAC

ALGORITHMS: Registry[VisualSAC] = Registry(
    "algorithm",
    {
        "sac": "semore_gym.policies.visual_sac:VisualSAC",
        "curl": "semore_gym.policies.curl:CURL",
        "deepmdp": "semore_gym.policies.deepmdp:DeepMDP",
        "drq": "semore_gym.policies.drq:DrQ",
        "flare": "semore_gym.policies.flare:Flare",
        "rad": "semore_gym.policies.rad:RAD",
        "semore": "semore_gym.policies.semore:SemoreSAC",
        "simoun": "semore_gym.policies.simoun:Simoun",
        "state": "semore_gym.policies.state_sac:StateSAC",
    },
)

PRESETS: dict[str, dict[str, Any]] = {
    "paper": {"net_arch": [1024, 1024], "encoder_kwargs": {"channels": PAPER_CHANNELS}},
    "light": {"net_arch": [256, 256], "encoder_kwargs": {"channels": LIGHT_CHANNELS}},
    "lighter": {"net_arch": [256, 256], "encoder_kwargs": {"channels": LIGHTER_CHANNELS}},
}


def make_algorithm(
    name: str,
    env: GymEnv | str,
    preset: str = "paper",
    policy_kwargs: dict[str, Any] | None = None,
    **kwargs: Any,
) -> VisualSAC:
    """Build an algorithm by name.

    Args:
        name: A name in `ALGORITHMS`.
        env: What it learns in.
        preset: Sizes of the networks, a name in `PRESETS`.
        policy_kwargs: Goes over the preset, argument by argument.
        **kwargs: The algorithm's arguments, such as `seed`.

    Raises:
        ValueError: If the name or the preset is unknown.
    """
    if preset not in PRESETS:
        raise ValueError(f"unknown preset {preset!r}; known: {', '.join(PRESETS)}")
    algorithm = ALGORITHMS.load(name)
    policy = next(iter(algorithm.policy_aliases))
    sizes = dict(PRESETS[preset])
    if algorithm.observation == "state":
        del sizes["encoder_kwargs"]
    return algorithm(policy, env, policy_kwargs=_merged(sizes, policy_kwargs or {}), **kwargs)


def _merged(preset: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    encoder_kwargs = {**preset.get("encoder_kwargs", {}), **over.get("encoder_kwargs", {})}
    return {**preset, **over, "encoder_kwargs": encoder_kwargs}
