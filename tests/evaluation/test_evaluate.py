import gymnasium as gym
import numpy as np
import pytest
from stable_baselines3 import SAC
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    SubprocVecEnv,
    VecFrameStack,
    VecMonitor,
    VecTransposeImage,
)

from semore_gym.evaluation import ConstantPolicy, Evaluation, RandomPolicy, ScriptedPolicy, evaluate


def test_every_quantity_against_the_environments_own_log(track, gazing):
    logs = []

    class Logged(track):
        def step(self, action):
            *outcome, info = super().step(action)
            if info["end_reason"]:
                logs.append((self.seed, info["end_reason"], list(self.log)))
            return *outcome, info

    evaluation = evaluate(gazing, Logged(), episodes=12, seed=3)
    assert len(logs) == len(evaluation.rows) == 12
    for row, (seed, reason, log) in zip(evaluation.rows, logs, strict=True):
        ticks = sum(entry[1] for entry in log)
        assert (row.seed, row.end_reason) == (seed, reason)
        assert (row.metrics["steps"], row.metrics["ticks"]) == (len(log), ticks)
        assert row.metrics["distance"] == pytest.approx(sum(entry[2] for entry in log))
        assert row.metrics["crash_intensity"] == pytest.approx(sum(entry[3] for entry in log))
        reward = sum(entry[2] - float(entry[0][0]) for entry in log)
        assert row.metrics["episode_reward"] == pytest.approx(reward)
        steer = [abs(float(action[0])) for action, ticks, *_ in log for _ in range(ticks)]
        brake = [max(-float(action[1]), 0.0) for action, ticks, *_ in log for _ in range(ticks)]
        assert row.metrics["average_steer"] == pytest.approx(100 * np.mean(steer))
        assert row.metrics["average_brake"] == pytest.approx(100 * np.mean(brake))
    assert len({row.seed for row in evaluation.rows}) == 12


@pytest.mark.parametrize("n_envs", [1, 2, 5, 16])
def test_the_number_of_environments_changes_nothing(track, gazing, n_envs):
    alone = evaluate(gazing, track(), episodes=11, seed=7)
    together = evaluate(gazing, make_vec_env(track, n_envs), episodes=11, seed=7)
    assert together.rows == alone.rows
    assert evaluate(gazing, track(), episodes=4, seed=7).rows == alone.rows[:4]
    assert evaluate(gazing, track(), episodes=4, seed=8).rows != alone.rows[:4]


def test_dict_observations_reach_the_policy(track, gazing):
    class Dicts(gym.ObservationWrapper):
        def __init__(self):
            super().__init__(track())
            self.observation_space = gym.spaces.Dict({"frames": self.env.observation_space})

        def observation(self, observation):
            return {"frames": observation}

    class Inner:
        def predict(self, observation, *, deterministic):
            return gazing.predict(observation["frames"])

    alone = evaluate(gazing, track(), episodes=5)
    assert evaluate(Inner(), Dicts(), episodes=5).rows == alone.rows
    assert evaluate(Inner(), DummyVecEnv([Dicts, Dicts]), episodes=5).rows == alone.rows


def test_other_environments_have_a_reward_and_a_length():
    env = gym.make("CarRacing-v3", max_episode_steps=15)
    evaluation = evaluate(RandomPolicy(env.action_space), env, episodes=2)
    env.close()
    assert set(evaluation.metrics()) == {"episode_reward", "steps"}
    assert evaluation.end_reasons() == {"truncated": 2}
    poles = SubprocVecEnv([lambda: gym.make("CartPole-v1")] * 2)
    evaluation = evaluate(RandomPolicy(poles.action_space), poles, episodes=5)
    poles.close()
    assert evaluation.end_reasons() == {"terminated": 5}
    assert all(row.metrics["episode_reward"] == row.metrics["steps"] for row in evaluation.rows)


def test_a_model_of_sb3_is_asked_for_its_mean_action_or_a_sample():
    env = gym.make("Pendulum-v1", max_episode_steps=20)
    model = SAC("MlpPolicy", env, seed=0, policy_kwargs={"net_arch": [8]})
    first, second = (evaluate(model, env, episodes=2).rows for _ in range(2))
    assert first == second
    assert evaluate(model, env, episodes=2, deterministic=False).rows != first


def test_wrappers_that_keep_observations_are_looked_through_and_others_refused():
    def shown():
        return gym.make("CarRacing-v3", max_episode_steps=3)

    plain = evaluate(ConstantPolicy([0, 1, 0]), shown(), episodes=2).rows
    wrapped = VecTransposeImage(VecMonitor(DummyVecEnv([shown])))
    assert evaluate(ConstantPolicy([0, 1, 0]), wrapped, episodes=2).rows == plain
    with pytest.raises(ValueError, match="must not be wrapped in VecFrameStack"):
        evaluate(ConstantPolicy([0, 1, 0]), VecFrameStack(DummyVecEnv([shown]), 2))
    wrapped.close()


def test_lost_episodes_are_in_the_rows(track, gazing):
    env = track(reasons=("horizon", "simulator_error"))
    evaluation = evaluate(gazing, env, episodes=15)
    lost = [row for row in evaluation.rows if row.end_reason == "simulator_error"]
    assert 0 < len(lost) < 15
    assert len(evaluation.counted) == 15 - len(lost)
    assert evaluation.metrics() == Evaluation(evaluation.counted).metrics()


@pytest.mark.parametrize("episodes", [0, -3])
def test_wrong_number_of_episodes_is_refused(track, gazing, episodes):
    with pytest.raises(ValueError, match="episodes must be at least 1, got"):
        evaluate(gazing, track(), episodes=episodes)


def test_policies_answer_single_observations_and_batches(track):
    env, envs = track(), DummyVecEnv([track] * 3)
    one, _ = env.reset(seed=0)
    many = envs.reset()
    for policy, batch_policy in [
        (RandomPolicy(env.action_space), RandomPolicy(env.action_space)),
        (ConstantPolicy((0.0, 1.0)), ConstantPolicy((0.0, 1.0))),
        (ScriptedPolicy(env), ScriptedPolicy(envs)),
    ]:
        action, actions = policy.predict(one)[0], batch_policy.predict(many)[0]
        assert env.action_space.contains(action)
        assert actions.shape == (3, 2)
        assert all(env.action_space.contains(row) for row in actions)
        assert policy.predict({"frames": one})[0].shape == (2,)
        assert batch_policy.predict({"frames": many})[0].shape == (3, 2)


def test_the_random_policy_repeats_by_seed_and_leaves_the_space_alone(track):
    space = track().action_space
    state = space.np_random.bit_generator.state
    draws = [RandomPolicy(space, seed).predict(np.zeros((50, 4)))[0] for seed in (1, 1, 2)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).all()
    assert space.np_random.bit_generator.state == state


def test_the_scripted_policy_asks_the_environment(track):
    alone = evaluate(ScriptedPolicy(env := track()), env, episodes=5)
    envs = DummyVecEnv([track] * 2)
    assert evaluate(ScriptedPolicy(envs), envs, episodes=5).rows == alone.rows
    assert alone.metrics()["average_steer"].mean > 0
    with pytest.raises(TypeError, match=r"scripted_action\(\), got .*CartPole"):
        ScriptedPolicy(gym.make("CartPole-v1"))
