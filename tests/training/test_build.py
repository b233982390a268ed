import numpy as np
import pytest
from stable_baselines3.common.vec_env import DummyVecEnv, SubprocVecEnv

from semore_gym.config import TrainConfig
from semore_gym.training import build as assembly
from semore_gym.training.build import build_vec_env, close_vec_env, model_options
from semore_gym.training.noise import ThrottleNoise


@pytest.mark.parametrize("value", [-0.1, 1.5])
def test_noise_out_of_range_is_refused(value):
    with pytest.raises(ValueError, match="exploration_noise must be from 0 to 1"):
        TrainConfig(exploration_noise=value)


@pytest.mark.parametrize("value", [0.0, 1.5])
def test_a_fraction_out_of_range_is_refused(value):
    with pytest.raises(ValueError, match="exploration_fraction must be in"):
        TrainConfig(exploration_fraction=value)


@pytest.mark.parametrize(("fraction", "steps"), [(0.25, 20), (1.0, 80), (None, None)])
def test_noise_fades_over_a_part_of_the_training(fraction, steps):
    noise = model_options(TrainConfig(algo="sac", steps=160, n_envs=2, exploration_fraction=fraction))[
        "action_noise"
    ]
    np.random.seed(0)
    drawn = np.array([noise()[1] for _ in range(100)])
    np.random.seed(0)
    lasting = ThrottleNoise(0.8)
    left = [1.0 if steps is None else max(0.0, 1 - step / steps) for step in range(100)]
    np.testing.assert_allclose(drawn, left * np.array([lasting()[1] for _ in range(100)]))


def test_the_noise_of_earlier_configs_lasts():
    assert TrainConfig.from_json("{}").exploration_fraction is None
    config = TrainConfig()
    assert TrainConfig.from_json(config.to_json()) == config


def drive(config, n_envs):
    """Twelve steps, over the ends of episodes; what the vectorised environment is and what it gives."""
    env = build_vec_env(config, n_envs)
    try:
        env.seed(3)
        seen = [env.reset()]
        told = []
        for step in range(12):
            observations, rewards, dones, infos = env.step(np.full((n_envs, 2), step / 12, np.float32))
            seen.append(observations)
            told.append((np.float32(rewards).tolist(), dones.tolist(), [info["speed"] for info in infos]))
        return type(env), seen, told
    finally:
        close_vec_env(env)


def test_environments_share_a_process_where_cpus_are_few_and_see_the_same(monkeypatch):
    config = TrainConfig(image_size=32, max_ticks=20)
    kinds = {}
    for count in (1, 2):
        monkeypatch.setattr(assembly, "cpus", lambda count=count: count)
        kinds[count], *_ = found = drive(config, 2)
        if count == 1:
            expected = found
    assert kinds == {1: DummyVecEnv, 2: SubprocVecEnv}
    assert found[2] == expected[2]
    assert any(any(dones) for _, dones, _ in found[2])
    for one, other in zip(found[1], expected[1], strict=True):
        assert one.keys() == other.keys() == {"frames", "mask"}
        for key, value in one.items():
            np.testing.assert_array_equal(value, other[key])


def test_several_in_carla_have_processes_however_few_cpus_there_are(monkeypatch):
    class Closed:
        def close(self):
            pass

    monkeypatch.setattr(assembly, "cpus", lambda: 1)
    monkeypatch.setattr(assembly, "build_env", lambda *_, **__: Closed())
    monkeypatch.setattr(assembly, "SubprocVecEnv", tuple)
    assert len(build_vec_env(TrainConfig(backend="carla"), 3)) == 3
