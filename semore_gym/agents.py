"""Policies by name: those that are built in, and trained agents, wherever they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
from stable_baselines3.common.vec_env import VecEnv

from semore_gym.config import EnvConfig
from semore_gym.evaluation import ConstantPolicy, RandomPolicy, ScriptedPolicy
from semore_gym.evaluation.tally import Policy
from semore_gym.hub.folder import WEIGHTS, load_from_folder, read_description
from semore_gym.hub.remote import download
from semore_gym.policies import VisualSAC
from semore_gym.policies.observations import acted_on
from semore_gym.training.build import load_model
from semore_gym.training.run_folder import RunFolder
from semore_gym.utils.files import expanded

BUILT_IN = ("scripted", "random", "do-nothing", "full-throttle")
PRETRAINED = Path(__file__).parent / "pretrained"  # the shared agent that ships with the package


def named_policy(
    name: str, env: gym.Env[Any, Any] | VecEnv, algo: str = "semore", device: str = "auto", seed: int = 0
) -> Policy:
    """Find a policy.

    Args:
        name: One of `BUILT_IN`, or as in `named_agent`.
        env: What it will drive in.
        algo: Algorithm of a model that lies in no run folder.
        device: Where networks go.
        seed: Of the random policy.

    Raises:
        ValueError: If there is no such policy, or it was trained on other observations.
    """
    if name == "scripted":
        return ScriptedPolicy(env)
    if name == "random":
        return RandomPolicy(env.action_space, seed)
    if name in BUILT_IN:
        return ConstantPolicy((0.0, 1.0 if name == "full-throttle" else 0.0))
    model = named_agent(name, algo, device)
    if acted_on(model.observation_space) != acted_on(env.observation_space):
        raise ValueError(
            f"{name} was trained on other observations than this environment's: "
            f"{model.observation_space} against {env.observation_space}"
        )
    return model


def named_agent(name: str, algo: str = "semore", device: str = "auto") -> VisualSAC:
    """Load a trained agent.

    Args:
        name: Path of a run folder, a checkpoint, a model.zip or a shared agent, `pretrained`, or
            `hf:user/name`.
        algo: Algorithm of a model that lies in no run folder.
        device: Where networks go.

    Raises:
        ValueError: If there is no such agent.
    """
    shared = shared_folder(name)
    if shared is not None:
        return load_from_folder(shared, device=device)
    run = run_of(name)
    return load_model(model_file(expanded(name)), run.config.algo if run else algo, device=device)


def trained_in(name: str) -> EnvConfig | None:
    """The environment that a policy was trained in, a run's whole config; None if it is not known.

    Args:
        name: As in `named_policy`.

    Raises:
        ValueError: If it cannot be downloaded, or what describes it is damaged.
    """
    shared = shared_folder(name)
    if shared is not None:
        return read_description(shared).env_config()
    run = run_of(name)
    return run.config if run else None


def shared_folder(name: str) -> Path | None:
    """The folder of a shared agent; None if `name` names none.

    Args:
        name: The folder's path, `pretrained` for the agent that ships with the package, or `hf:user/name`,
            which is downloaded.

    Raises:
        ValueError: If it cannot be downloaded.
        ModuleNotFoundError: If huggingface_hub, which downloads, is missing.
    """
    if name.startswith("hf:"):
        return download(name.removeprefix("hf:"))
    folder = PRETRAINED if name == "pretrained" else expanded(name)
    return folder if (folder / WEIGHTS).is_file() else None


def run_of(name: str) -> RunFolder | None:
    """The run that a trained agent lies in; None if `name` is no path, or that of a shared agent."""
    path = expanded(name)
    if name in BUILT_IN or not path.exists() or (path / WEIGHTS).is_file():
        return None
    return RunFolder.containing(path)


def model_file(path: Path) -> Path:
    """Find the model.zip that a path means: itself, a checkpoint's, or that of a run's newest checkpoint.

    Raises:
        ValueError: If there is none.
    """
    if path.is_file():
        return path
    if (path / "model.zip").is_file():
        return path / "model.zip"
    if not (path / "config.json").is_file():
        known = ", ".join(BUILT_IN)
        raise ValueError(
            f"no policy {str(path)!r}: expected a run folder, a model.zip or pretrained (or, to drive, "
            f"one of {known})"
        )
    run = RunFolder(path)
    newest = run.newest_checkpoint()
    if newest is None:
        raise ValueError(f"{path} has no checkpoint yet")
    return newest / "model.zip"
