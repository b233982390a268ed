"""Policies by name, and what the command line does with them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import gymnasium as gym
from rich.console import Console
from stable_baselines3.common.vec_env import VecEnv

from semore_gym.config import EnvConfig
from semore_gym.envs.window import screen_available
from semore_gym.evaluation import (
    ConstantPolicy,
    Evaluation,
    RandomPolicy,
    ScriptedPolicy,
    evaluate,
    record_episode,
    table,
)
from semore_gym.evaluation.tally import Policy
from semore_gym.policies import VisualSAC
from semore_gym.policies.observations import acted_on
from semore_gym.training.build import build_env, build_vec_env, load_model, shown
from semore_gym.training.run_folder import RunFolder, shared_folder

BUILT_IN = ("scripted", "random", "do-nothing", "full-throttle")


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
        from semore_gym.hub import load_from_folder  # needs what an extra installs

        return load_from_folder(shared, device=device)
    run = RunFolder.containing(Path(name))
    return load_model(model_file(Path(name)), run.config.algo if run else algo, device=device)


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


class Measurement:
    """An evaluation set up and ready: a context, in which `run` does it.

    Args:
        policy: See `named_policy`.
        config: Which environment; masks are not drawn, since no policy looks at them.
        episodes: How many.
        seed: Of the episodes.
        n_envs: Environments at the same time.
        algo: See `named_policy`.
        device: See `named_policy`.

    Raises:
        ValueError: If the policy is unknown or an option of the environment is wrong.
    """

    def __init__(
        self,
        policy: str,
        config: EnvConfig,
        episodes: int = 20,
        seed: int = 1,
        n_envs: int = 1,
        algo: str = "semore",
        device: str = "auto",
    ) -> None:
        self._episodes = episodes
        self._seed = seed
        self._env = build_vec_env(config, n_envs, masks="none")
        try:
            self._policy = named_policy(policy, self._env, algo, device, seed)
        except BaseException:
            self._env.close()
            raise

    def run(self) -> Evaluation:
        """Drive the episodes."""
        return evaluate(self._policy, self._env, self._episodes, self._seed)

    def __enter__(self) -> Measurement:
        return self

    def __exit__(self, *error: object) -> None:
        self._env.close()


def show(policy: str, result: Evaluation, path: Path, console: Console) -> None:
    """Print an evaluation as a table and write its episodes to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    result.to_csv(path)
    console.print(table({policy: result}), soft_wrap=False)
    console.print(f"{result.episode_count} written to {path}")


def result_path(policy: str, config: EnvConfig, seed: int, suffix: str) -> Path:
    """Where a result of a policy belongs if nobody says: in its run, or in runs/."""
    run = None if shared_folder(policy) else RunFolder.containing(Path(policy))
    place = "-".join([config.env.replace(":", "-"), *([config.weather] if config.weather else [])])
    rest = f"{place}-seed{seed}{suffix}"
    if run is None:
        return Path("runs") / f"{Path(policy).stem}-{rest}"
    return run.path / f"{model_file(Path(policy)).parent.name}-{rest}"


class Viewing:
    """An episode to look at, set up and ready: a context, in which `run` does it.

    Args:
        policy: See `named_policy`.
        config: Which environment; masks that cost something are not drawn.
        seed: Of the episode.
        video: Where a video goes; None opens a window where there is a screen.
        algo: See `named_policy`.
        device: See `named_policy`.

    Raises:
        ValueError: If the policy is unknown or an option of the environment is wrong.
    """

    def __init__(
        self,
        policy: str,
        config: EnvConfig,
        seed: int = 0,
        video: Path | None = None,
        algo: str = "semore",
        device: str = "auto",
    ) -> None:
        self._seed = seed
        if video is None and not screen_available():
            video = result_path(policy, config, seed, ".mp4")
        self.video = video
        self._env = build_env(shown(config), render_mode="human" if video is None else "rgb_array")
        try:
            self._policy = named_policy(policy, self._env, algo, device, seed)
        except BaseException:
            self._env.close()
            raise

    def run(self) -> None:
        """Drive the episode, in the window or into the video."""
        if self.video is None:
            self._run_in_window()
        else:
            self.video.parent.mkdir(parents=True, exist_ok=True)
            record_episode(self._policy, self._env, self.video, seed=self._seed)

    def _run_in_window(self) -> None:
        """Drive no faster than in reality."""
        step_time = 1.0 / self._env.metadata["render_fps"]  # [s]
        observation, _ = self._env.reset(seed=self._seed)
        over = False
        while not over:
            start = time.monotonic()
            action, _ = self._policy.predict(observation, deterministic=True)
            observation, _, terminated, truncated, _ = self._env.step(action)
            over = terminated or truncated
            time.sleep(max(0.0, start + step_time - time.monotonic()))

    def __enter__(self) -> Viewing:
        return self

    def __exit__(self, *error: object) -> None:
        self._env.close()
