"""Runs whose agents observed a residual, as all did once, and agents that do not."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from rich.console import Console
from stable_baselines3.common.save_util import load_from_zip_file
from stable_baselines3.common.vec_env import DummyVecEnv

from semore_gym.agents import named_policy
from semore_gym.config import TrainConfig
from semore_gym.evaluation import evaluate
from semore_gym.make_env import make_env
from semore_gym.policies import SemoreSAC
from semore_gym.training import build as assembly
from semore_gym.training.run_folder import RunFolder
from semore_gym.training.trainer import Trainer

TINY = TrainConfig(
    image_size=32,
    preset="light",
    max_ticks=40,
    steps=50,
    evaluate_every=1000,
    evaluation_episodes=1,
    checkpoint_every=15,
    device="cpu",
    threads=1,
    algo_options={"learning_starts": 20, "batch_size": 8, "buffer_size": 200},
)


def train(path: Path) -> RunFolder:
    with Trainer.new(TINY, path, Console(quiet=True)) as trainer:
        assert trainer.train()
    return trainer.run


def weights(run: RunFolder) -> dict[str, np.ndarray]:
    _, parameters, _ = load_from_zip_file(run.checkpoint(TINY.steps) / "model.zip", device="cpu")
    return {name: tensor.numpy() for name, tensor in parameters["policy"].items()}


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    def with_residual(*args, residual, **kwargs):
        return make_env(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assembly, "make_env", with_residual)
        return train(tmp_path_factory.mktemp("runs") / "older")


@pytest.fixture
def environment() -> Iterator[DummyVecEnv]:
    env = DummyVecEnv([partial(assembly.build_env, TINY)])
    yield env
    env.close()


@pytest.fixture
def whole() -> Iterator[gym.Env]:
    """An environment with a residual."""
    env = make_env(TINY.env, image_size=32, max_ticks=40)
    yield env
    env.close()


@pytest.mark.slow
def test_it_goes_on_bit_for_bit_without_its_residual(older: RunFolder, whole: gym.Env, tmp_path: Path):
    assert "residual" in named_policy(str(older.path), whole).observation_space.spaces
    copy = RunFolder(Path(shutil.copytree(older.path, tmp_path / "copy")))
    shutil.rmtree(copy.checkpoint(TINY.steps))
    with Trainer.resume(copy.path, Console(quiet=True)) as trainer:
        assert 20 < trainer.agent_steps < TINY.steps  # there is something to learn
        assert "residual" not in trainer.model.observation_space.spaces
        assert trainer.train()
    found, kept = weights(copy), weights(older)
    assert found.keys() == kept.keys()
    for name, value in kept.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)


def test_it_drives_as_before(older: RunFolder, environment: DummyVecEnv, whole: gym.Env):
    driven = evaluate(named_policy(str(older.path), environment), environment, episodes=2)
    assert len(driven.rows) == 2
    model = named_policy(str(older.path), whole)
    observation, _ = whole.reset(seed=0)
    expected, _ = model.predict(observation, deterministic=True)
    found, _ = model.predict({"frames": observation["frames"]}, deterministic=True)
    np.testing.assert_array_equal(found, expected)


def test_an_agent_without_a_residual_drives_where_there_is_one(environment: DummyVecEnv, whole: gym.Env):
    model = SemoreSAC("SemorePolicy", environment, buffer_size=10, device="cpu", seed=0)
    assert set(model.observation_space.spaces) == {"frames", "mask"}
    observation, _ = whole.reset(seed=0)
    first, _ = model.predict(observation, deterministic=True)
    second, _ = model.predict({**observation, "residual": observation["residual"] + 1}, deterministic=True)
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("image_size", [32, 48])
def test_frames_of_another_size_are_another_observation(older: RunFolder, image_size: int):
    env = assembly.build_env(replace(TINY, image_size=image_size))
    try:
        if image_size == 32:
            assert named_policy(str(older.path), env).num_timesteps == TINY.steps
        else:
            with pytest.raises(ValueError, match="was trained on other observations than this environment's"):
                named_policy(str(older.path), env)
    finally:
        env.close()


def test_a_model_without_masks_does_not_become_one_with_masks(environment: DummyVecEnv, tmp_path: Path):
    plain = make_env(TINY.env, masks=None, image_size=32, max_ticks=40)
    SemoreSAC("SemorePolicy", plain, variant="m2", buffer_size=10, device="cpu").save(tmp_path / "model.zip")
    with pytest.raises(ValueError, match="Observation spaces do not match"):
        SemoreSAC.load(tmp_path / "model.zip", environment)
    plain.close()
