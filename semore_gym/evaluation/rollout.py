"""Drive episodes with a policy, in one environment or in many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gymnasium as gym
import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.policies import BasePolicy
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper, VecMonitor, VecTransposeImage

from semore_gym.evaluation.tally import Policy, Tally, episode_seed
from semore_gym.results.record import EpisodeRecord, Evaluation


def evaluate(
    model: Policy,
    env: gym.Env[Any, Any] | VecEnv,
    episodes: int = 20,
    seed: int = 1,
    deterministic: bool = True,
) -> Evaluation:
    """Drive a fixed set of episodes and measure Semore's Table 1.

    Episode i is reset with a seed made of (seed, i), whichever environment drives it, so a deterministic
    policy gets the same result on any number of environments, and every one of the episodes counts once,
    short or long.

    Args:
        model: Anything with SB3's `predict`. Models of SB3 are asked for one observation after the other:
            larger batches are rounded otherwise, which a simulator makes much of. What else there is gets
            the observations of all environments at once.
        env: A gymnasium environment, or one of SB3's with any number of them; each of these is reset
            by itself, through `env_method("reset", seed=...)`.
        episodes: How many.
        seed: What the episodes' seeds are derived from.
        deterministic: Whether the policy's mean action is taken; passed to `predict`.

    Returns:
        The episodes in their order, and their statistics. What the infos do not report is left out.

    Raises:
        ValueError: If `episodes` is less than 1, or the vectorised environment's own wrappers change
            observations: what they do does not reach an environment that is reset by itself.

    Example:
        >>> from semore_gym import make_env
        >>> from semore_gym.evaluation import ScriptedPolicy
        >>> env = make_env("SemoreCarla-HighWay-v0", masks="none")
        >>> evaluate(ScriptedPolicy(env), env, episodes=2).end_reasons()
        {'horizon': 2}
    """
    if episodes < 1:
        raise ValueError(f"episodes must be at least 1, got {episodes!r}")
    if isinstance(env, VecEnv):
        return Evaluation(_drive_many(model, _plain(env), episodes, seed, deterministic))
    return Evaluation(drive(model, env, i, episode_seed(seed, i), deterministic) for i in range(episodes))


def drive(
    model: Policy,
    env: gym.Env[Any, Any],
    episode: int,
    seed: int,
    deterministic: bool = True,
    look: Callable[[Any], None] = lambda observation: None,
) -> EpisodeRecord:
    """Drive one episode.

    Args:
        model: Anything with SB3's `predict`.
        env: The environment.
        episode: The episode's number.
        seed: The environment is reset with it.
        deterministic: Passed to `predict`.
        look: Called with every observation, the reset's too.
    """
    observation, info = env.reset(seed=seed)
    look(observation)
    tally = Tally(episode, seed, info)
    terminated = truncated = False
    while not (terminated or truncated):
        action, _ = model.predict(observation, deterministic=deterministic)
        observation, reward, terminated, truncated, info = env.step(action)
        tally.add(float(reward), info)
        look(observation)
    return tally.record(truncated)


def _plain(env: VecEnv) -> VecEnv:
    """The environments under wrappers that leave observations as they are."""
    # SB3's models transpose channel-last images themselves.
    while isinstance(env, (VecMonitor, VecTransposeImage)):
        env = env.venv
    if isinstance(env, VecEnvWrapper):
        raise ValueError(
            f"env must not be wrapped in {type(env).__name__}: wrap the single environments instead"
        )
    return env


def _drive_many(
    model: Policy, env: VecEnv, episodes: int, seed: int, deterministic: bool
) -> list[EpisodeRecord]:
    waiting = iter(range(episodes))
    observations = env.reset()
    lanes = [_begin(env, lane, waiting, seed, observations) for lane in range(env.num_envs)]
    results: list[EpisodeRecord] = []
    while len(results) < episodes:
        actions = _choose(model, observations, env.num_envs, deterministic)
        observations, rewards, dones, infos = env.step(actions)
        for lane, tally in enumerate(lanes):
            if tally is None:
                continue
            tally.add(float(rewards[lane]), infos[lane])
            if dones[lane]:
                results.append(tally.record(infos[lane]["TimeLimit.truncated"]))
                lanes[lane] = _begin(env, lane, waiting, seed, observations)
    return sorted(results, key=lambda result: result.episode)


def _choose(model: Policy, observations: Any, lanes: int, deterministic: bool) -> Any:
    """Choose every lane's action, one by one where networks do it, whose rounding depends on the batch."""
    if not isinstance(model, (BaseAlgorithm, BasePolicy)):
        return model.predict(observations, deterministic=deterministic)[0]
    seen = [
        {name: batch[lane] for name, batch in observations.items()}
        if isinstance(observations, dict)
        else observations[lane]
        for lane in range(lanes)
    ]
    return np.stack([model.predict(observation, deterministic=deterministic)[0] for observation in seen])


def _begin(env: VecEnv, lane: int, waiting: Iterator[int], seed: int, observations: Any) -> Tally | None:
    """Start the next waiting episode in one environment and put its first observation into the batch."""
    episode = next(waiting, None)
    if episode is None:
        return None
    reset_seed = episode_seed(seed, episode)
    observation, info = env.env_method("reset", seed=reset_seed, indices=lane)[0]
    if isinstance(observations, dict):
        for name, batch in observations.items():
            batch[lane] = observation[name]
    else:
        observations[lane] = observation
    return Tally(episode, reset_seed, info)
