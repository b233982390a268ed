"""From a config to environments and a model."""

from __future__ import annotations

import math
import signal
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv, VecEnv

from semore_gym.backends.carla.config import CarlaConfig
from semore_gym.backends.selection import backend_name
from semore_gym.config import EnvConfig, TrainConfig
from semore_gym.envs.driving_env import DrivingEnv
from semore_gym.envs.naming import shifted_config
from semore_gym.judges import JUDGES
from semore_gym.make_env import make_env
from semore_gym.masks import MaskConfig
from semore_gym.policies import ALGORITHMS, VisualSAC, make_algorithm
from semore_gym.registry import import_prefix
from semore_gym.scenarios import SCENARIOS
from semore_gym.training.loggers import require_wandb
from semore_gym.training.noise import ThrottleNoise
from semore_gym.utils.devices import check_device, cpus
from semore_gym.utils.signatures import check_names, keywords

SET_BY_ENV_FIELD = {"scenario", "render_mode"} | {item.name for item in fields(EnvConfig)}
SET_BY_FIELD = {"policy", "env", "seed", "device", "verbose", "tensorboard_log", "_init_setup_model"}


def build_env(
    config: EnvConfig, index: int = 0, *, masks: str | None = None, render_mode: str | None = None
) -> gym.Env[Any, Any]:
    """Make the environment that a config describes, as the agent sees it.

    Args:
        config: Which environment.
        index: Its number, where several drive at the same time.
        masks: Replaces the config's `masks`; "none" where nothing is learnt.
        render_mode: As in `gymnasium.make`.

    Raises:
        ValueError: If an option is unknown or out of its range.
    """
    if import_prefix("env", config.env) not in (ids := [f"SemoreCarla-{name}-v0" for name in SCENARIOS]):
        raise ValueError(f"unknown env {config.env!r}; known: {', '.join(ids)}")
    known = [name for name in keywords(DrivingEnv) if name not in SET_BY_ENV_FIELD]
    check_names("env_options", config.env_options, known)
    return make_env(
        config.env,
        observation=config.observation,
        **({} if config.observation == "state" else _pictures(config, masks)),
        image_size=config.image_size,
        frame_skip=config.frame_skip,
        weather=config.weather,
        max_ticks=config.max_ticks,
        scenario_options=config.scenario_options,
        backend=config.backend,
        carla=CarlaConfig.from_environment(**config.carla).of_environment(index)
        if on_carla(config)
        else None,
        render_mode=render_mode,
        **config.env_options,
    )


def _pictures(config: EnvConfig, masks: str | None) -> dict[str, Any]:
    """What `make_env` is told about frames and masks."""
    late = mask_config(config).asynchronous  # then the masks come through the replay buffer
    return {
        "masks": masks or ("none" if late else config.masks),
        "mask_options": {} if masks or late else config.mask_options,
        "frames": config.frames,
        "every": config.mask_every,
        "residual": False,  # no algorithm reads it
    }


def mask_config(config: EnvConfig) -> MaskConfig:
    """Read which masks a config wants.

    Raises:
        ValueError: If one of their options is wrong.
    """
    return MaskConfig.parse(config.masks, config.mask_options)


def without_mask_models(config: EnvConfig) -> EnvConfig:
    """The config with no masks where models would make them, for an episode that is only looked at."""
    return replace(config, masks="none", mask_options={}) if mask_config(config).uses_models else config


def on_carla(config: EnvConfig) -> bool:
    """Whether a config drives in CARLA; the variable SEMORE_CARLA counts.

    Raises:
        ValueError: If it names another backend and fields of `carla`.
    """
    return backend_name(config.backend, bool(config.carla)) == "carla"


def with_backend(config: TrainConfig) -> TrainConfig:
    """Name the simulator: a variable that is set or not must not let a run go on in another one."""
    return replace(config, backend="carla" if on_carla(config) else config.backend or "embedded")


def build_vec_env(config: EnvConfig, n_envs: int, *, masks: str | None = None) -> VecEnv:
    """Make `n_envs` environments: in this process, or in a process each where there is a CPU for each.

    With fewer CPUs than environments, what goes through the pipes costs more than the embedded simulator
    gains. Several of another simulator always get their processes: their time is spent waiting for it.

    Raises:
        ValueError: As `build_env`, or if each of several environments would load models for its masks.
    """
    wanted = mask_config(config)
    if n_envs > 1 and masks is None and wanted.uses_models and not wanted.asynchronous:
        raise ValueError(
            f"masks {config.masks} with {n_envs} environments need mask_options asynchronous=true: otherwise "
            "each of them loads the models"
        )
    embedded = backend_name(config.backend, bool(config.carla)) == "embedded"
    if n_envs == 1 or (embedded and n_envs > cpus()):
        return DummyVecEnv([partial(_monitored, config, index, masks) for index in range(n_envs)])
    build_env(config, masks=masks).close()  # a wrong option is an error here, not in another process
    return SubprocVecEnv([partial(_monitored_in_process, config, index, masks) for index in range(n_envs)])


def close_vec_env(env: VecEnv, interrupted: bool = False) -> None:
    """Close environments, those in processes also where one of them has died.

    Args:
        env: The environments.
        interrupted: Whether Ctrl-C may have come in the middle of a message from one of the
            processes: nobody can be asked anything then, and all are ended.
    """
    if not (interrupted and isinstance(env, SubprocVecEnv)):
        try:
            env.close()
            return
        except (EOFError, ConnectionError):
            assert isinstance(env, SubprocVecEnv)
    for process in env.processes:
        process.terminate()
        process.join()


def build_model(config: TrainConfig, env: VecEnv) -> VisualSAC:
    """Make the untrained model of a config.

    Raises:
        ValueError: If the algorithm or one of its options is unknown or of another type.
    """
    return make_algorithm(
        config.algo,
        env,
        preset=config.preset,
        seed=config.seed,
        device=config.device,
        **model_options(config),
    )


def check_training(config: TrainConfig) -> None:
    """Refuse a training that could not do anything, before anything is made for it.

    Raises:
        ValueError: If the algorithm, one of its options or a shift is unknown, or the training would end
            before the first update.
        ModuleNotFoundError: If the config names a W&B project and wandb is not installed.
    """
    for shift in config.shifts:
        shifted_config(config, shift)
    observation = ALGORITHMS.load(config.algo).observation
    if config.observation != observation:
        raise ValueError(f"observation must be {observation} for {config.algo}, got {config.observation}")
    options = model_options(config)
    defaults = keywords(ALGORITHMS.load(config.algo))
    starts = options.get("learning_starts", defaults["learning_starts"])
    if math.ceil(config.steps / config.n_envs) * config.n_envs <= starts:
        raise ValueError(
            f"steps must be more than learning_starts, got {config.steps} and {starts}: nothing is learnt; "
            f"algo_options learning_starts={config.steps // 10} begins earlier"
        )
    if config.wandb is not None:
        require_wandb()


def model_options(config: TrainConfig) -> dict[str, Any]:
    """The keywords of a config's algorithm.

    Raises:
        ValueError: As `build_model`.
    """
    check_algo_options(config)
    check_device(config.device)
    # one update per agent step, also where several environments step at once
    options: dict[str, Any] = {"gradient_steps": config.n_envs, **config.algo_options, **_judge(config)}
    if config.exploration_noise:
        fraction = config.exploration_fraction
        fading = None if fraction is None else math.ceil(fraction * config.steps / config.n_envs)
        options["action_noise"] = ThrottleNoise(config.exploration_noise, fading)
    return options


def _judge(config: TrainConfig) -> dict[str, Any]:
    """The keywords of the fields `judge` and `judge_options`, where these are set."""
    options: dict[str, Any] = {} if config.judge is None else {"judge": config.judge}
    if config.judge_options:
        buffer = config.algo_options.get("replay_buffer_kwargs", {})
        options["replay_buffer_kwargs"] = {**buffer, "judge_kwargs": config.judge_options}
    if options and "judge" not in keywords(ALGORITHMS.load(config.algo)):
        raise ValueError(f"judge and judge_options must not be given for {config.algo}, which has no judge")
    if config.judge is not None:
        JUDGES[config.judge]
    return options


def load_model(path: Path, algo: str, env: VecEnv | None = None, device: str = "auto") -> VisualSAC:
    """Load a saved model.

    A model file holds python objects: load none that you do not trust.

    Args:
        path: What `model.save` wrote.
        algo: Name of the algorithm that wrote it.
        env: To train on; None where it only acts.
        device: Where the networks go.

    Raises:
        ValueError: If the algorithm or the device is unknown, or the model is not that algorithm's or not for
            that environment.
    """
    check_device(device)
    algorithm = ALGORITHMS.load(algo)
    try:
        return algorithm.load(path, env, device=device)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def check_algo_options(config: TrainConfig) -> None:
    """Compare `config.algo_options` with the keywords that the algorithm's constructor takes.

    Raises:
        ValueError: If one is unknown, has a field of its own, or a number was wanted and not given.
    """
    reserved = sorted(SET_BY_FIELD & set(config.algo_options))
    if reserved:
        raise ValueError(f"algo_options must not hold {reserved}: these are set elsewhere")
    known = keywords(ALGORITHMS.load(config.algo))
    check_names(f"options of {config.algo}", config.algo_options, sorted(known.keys() - SET_BY_FIELD))
    for name, value in config.algo_options.items():
        default = known[name]
        if isinstance(default, (int, float)) and isinstance(value, str) and name != "learning_rate":
            raise ValueError(f"option {name} of {config.algo} must be like {default!r}, got {value!r}")


def _monitored(config: EnvConfig, index: int, masks: str | None) -> gym.Env[Any, Any]:
    return Monitor(build_env(config, index, masks=masks))


def _monitored_in_process(config: EnvConfig, index: int, masks: str | None) -> gym.Env[Any, Any]:
    """Ctrl-C reaches every process of the terminal: the main one answers it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return _monitored(config, index, masks)
