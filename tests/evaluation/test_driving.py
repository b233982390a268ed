"""Evaluation of the driving environments themselves."""

import gymnasium as gym
import pytest
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv

import semore_gym
from semore_gym.evaluation import ScriptedPolicy, evaluate, record_episode
from semore_gym.policies import make_algorithm
from semore_gym.scenarios import SCENARIOS

IDS = [f"SemoreCarla-{name}-v0" for name in SCENARIOS]
SHORT = {"image_size": 32, "max_ticks": 60}


@pytest.mark.parametrize("id", IDS)
def test_table_1_is_complete(id):
    env = gym.make(id, **SHORT)
    evaluation = evaluate(ScriptedPolicy(env), env, episodes=2)
    env.close()
    assert set(evaluation.metrics()) == {
        "episode_reward", "distance", "crash_intensity", "average_steer", "average_brake", "ticks", "steps",
    }  # fmt: skip
    for row in evaluation.rows:
        assert row.metrics["distance"] > 1.0
        assert row.metrics["steps"] == -(-row.metrics["ticks"] // 4)
        assert 0.0 <= row.metrics["average_brake"] <= 100.0


@pytest.mark.slow
def test_environments_in_other_processes_drive_the_same_episodes():
    def make():
        return semore_gym.make_env(IDS[-1], masks="none", **SHORT)

    env, envs = make(), SubprocVecEnv([make] * 2)
    alone = evaluate(ScriptedPolicy(env), env, episodes=3, seed=4)
    together = evaluate(ScriptedPolicy(envs), envs, episodes=3, seed=4)
    env.close()
    envs.close()
    assert together.rows == alone.rows


def test_an_episode_is_filmed(tmp_path):
    env = semore_gym.make_env(IDS[0], render_mode="rgb_array", **SHORT)
    result = record_episode(ScriptedPolicy(env), env, tmp_path / "drive.mp4")
    env.close()
    assert result.metrics["ticks"] > 0
    assert (tmp_path / "drive.mp4").stat().st_size > 10_000


@pytest.mark.parametrize("name", ["sac", "semore"])
def test_a_network_drives_the_same_episodes_in_any_number_of_environments(name):
    def make():
        return semore_gym.make_env(IDS[0], masks="none", image_size=48, max_ticks=200)

    model = make_algorithm(name, make(), preset="lighter", device="cpu", seed=1)
    alone = evaluate(model, make(), episodes=4)
    assert evaluate(model, DummyVecEnv([make] * 4), episodes=4).rows == alone.rows
