"""SAC from states: the same update without an encoder."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.vec_env import DummyVecEnv

from semore_gym.policies import ALGORITHMS, make_algorithm
from semore_gym.policies.replay.state import StateReplayBuffer


class Place(gym.Env):
    """The state is a place, drawn for each episode; the reward is minus the squared distance to it."""

    def __init__(self, length=5):
        self.length = length
        self.observation_space = spaces.Box(-10, 10, (3,), np.float32)
        self.action_space = spaces.Box(-1, 1, (2,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place, self.steps = self.np_random.uniform(-0.9, 0.9, 2), 0
        return self._observe(), {}

    def step(self, action):
        self.steps += 1
        reward = -float(np.square(action - self.place).sum())
        return self._observe(), reward, self.steps == 3, self.steps >= self.length, {}

    def _observe(self):
        return np.array([*self.place, self.steps], np.float32)


SETTINGS = {"learning_starts": 20, "batch_size": 16, "buffer_size": 400, "seed": 0, "device": "cpu"}


@pytest.fixture
def make_model():
    def make(env=None, **options):
        return make_algorithm("state", env or Place(), preset="light", **{**SETTINGS, **options})

    return make


def states(model):
    return {name: value.clone() for name, value in model.policy.state_dict().items()}


def test_it_saves_loads_and_continues_as_if_nothing_had_happened(make_model, tmp_path):
    model = make_model(replay_buffer_kwargs={"n_steps": 2})
    model.learn(60)
    model.save(tmp_path / "model.zip")
    model.save_replay_buffer(tmp_path / "buffer")
    loaded = type(model).load(tmp_path / "model.zip", env=Place())
    loaded.load_replay_buffer(tmp_path / "buffer")
    observation, _ = Place().reset(seed=3)
    np.testing.assert_array_equal(*(m.predict(observation, deterministic=True)[0] for m in (model, loaded)))
    loaded.set_logger(model.logger)
    for one in (model, loaded):
        np.random.seed(1)
        torch.manual_seed(1)
        one.train(4, 16)
    after = states(model)
    assert all(torch.equal(value, after[name]) for name, value in states(loaded).items())
    assert loaded.learn(10, reset_num_timesteps=False).num_timesteps == 70


@pytest.mark.slow
def test_it_learns(make_model):
    model = make_model(learning_rate=2e-3, gamma=0.01, ent_coef=0.01, batch_size=32).learn(400)
    env, rewards = Place(length=1), []
    for episode in range(50):
        observation, _ = env.reset(seed=1000 + episode)
        rewards.append(env.step(model.predict(observation, deterministic=True)[0])[1])
    assert np.mean(rewards) > -0.1  # always (0, 0) earns -0.54


def test_several_environments_feed_it(make_model):
    model = make_model(DummyVecEnv([Place] * 3), gradient_steps=2).learn(60)
    assert (model.num_timesteps, model._n_updates) == (60, 20 + 2 * 14)


def test_it_wants_a_state_and_the_others_want_pictures(make_model, make_env):
    with pytest.raises(ValueError, match=r'must be a Box \(n,\) of floats, as observation="state" makes it'):
        make_model(make_env(mask=False))
    for name in set(ALGORITHMS) - {"state"}:
        with pytest.raises(ValueError, match="must be a Box of stacked frames"):
            make_algorithm(name, Place())


@pytest.fixture
def buffer():
    place = Place()
    return StateReplayBuffer(
        6, place.observation_space, place.action_space, device="cpu", n_envs=2, n_steps=2, gamma=0.5
    )


def put(buffer, number, done=(False, False), infos=({}, {})):
    """Add a row whose states are their numbers, and whose rewards are 10 times that."""
    here, there = (np.array([[value] * 3, [value + 100] * 3], np.float32) for value in (number, number + 1))
    rewards = np.array([10.0 * number, -10.0 * number])
    buffer.add(here, there, np.full((2, 2), number / 10), rewards, np.array(done), list(infos))


def drawn(buffer):
    """What a batch of all transitions says, by first state."""
    batch = buffer.sample_frames(200)
    return {
        round(float(batch.frames[i, 0])): tuple(
            round(float(part[i].flatten()[0]), 4)
            for part in (batch.next_frames, batch.rewards, batch.dones, batch.discounts, batch.step_rewards)
        )
        for i in range(200)
    }


def test_samples_are_the_transitions_and_their_returns(buffer):
    put(buffer, 0)
    put(buffer, 1, done=(True, True), infos=({}, {"TimeLimit.truncated": True}))
    assert buffer.sampleable == 4
    assert drawn(buffer) == {
        0: (2, 0 + 0.5 * 10, 1, 0.25, 0),
        1: (2, 10, 1, 0.5, 10),
        100: (102, 0 - 0.5 * 10, 0, 0.25, 0),
        101: (102, -10, 0, 0.5, -10),
    }


def test_returns_do_not_run_into_another_episode_and_lost_steps_are_never_drawn(buffer):
    put(buffer, 0)
    put(buffer, 5)  # not where the last ones ended: other episodes
    put(buffer, 6, infos=({"end_reason": "simulator_error", "TimeLimit.truncated": True}, {}))
    found = drawn(buffer)
    assert found[0] == (1, 0, 0, 0.5, 0)
    assert found[5] == (6, 50, 0, 0.5, 50)  # what follows was lost
    assert found[105] == (107, -50 - 0.5 * 60, 0, 0.25, -50)
    assert 6 not in found


def test_the_oldest_are_overwritten(buffer):
    for number in range(5):
        put(buffer, number)
    assert sorted(drawn(buffer)) == [2, 3, 4, 102, 103, 104]
    assert buffer.full


@pytest.mark.parametrize(
    ("size", "n_envs", "message"),
    [(8, 2, r"buffer_size // n_envs 3, this one has 4"), (8, 1, "n_envs 2, this one has 1")],
)
def test_a_buffer_of_other_settings_is_refused(size, n_envs, message, buffer, tmp_path):
    put(buffer, 0)
    buffer.save(tmp_path)
    other = StateReplayBuffer(
        size, buffer.observation_space, buffer.action_space, device="cpu", n_envs=n_envs
    )
    with pytest.raises(ValueError, match=f"was saved by a buffer with {message}"):
        other.load(tmp_path)


def test_checkpoints_in_one_folder_are_each_complete(buffer, tmp_path):
    put(buffer, 0)
    buffer.save(tmp_path, "a.json")
    put(buffer, 1)
    buffer.save(tmp_path, "b.json")
    for name, count in (("a.json", 2), ("b.json", 4)):
        buffer.load(tmp_path, name)
        assert buffer.sampleable == count
    (tmp_path / "a.json").unlink()
    buffer.save(tmp_path, "b.json")
    assert len(list(tmp_path.glob("state-*.npz"))) == 1
