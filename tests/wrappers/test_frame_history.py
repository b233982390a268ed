import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from semore_gym.wrappers import FrameHistory

ACTION = np.zeros(2, np.float32)


def driven(env, steps, **reset):
    """The observations of one episode."""
    seen = [env.reset(**reset)[0]]
    for _ in range(steps):
        seen.append(env.step(ACTION)[0])
    return seen


@given(
    k=st.integers(1, 5), lengths=st.lists(st.integers(0, 11), min_size=1, max_size=3), seed=st.integers(0, 9)
)
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_history_is_the_last_frames_oldest_first(painter, k, lengths, seed):
    plain, env = painter(), FrameHistory(painter(), frames=k)
    for episode, length in enumerate(lengths):
        reset = {"seed": seed} if episode == 0 else {}
        frames = [np.array(plain.reset(**reset)[0])]
        frames += [np.array(plain.step(ACTION)[0]) for _ in range(length)]
        for t, observation in enumerate(driven(env, length, **reset)):
            expected = np.stack([frames[max(t - age, 0)] for age in reversed(range(k))])
            np.testing.assert_array_equal(observation, expected.transpose(0, 3, 1, 2).reshape(3 * k, 40, 36))
            assert env.observation_space.contains(observation)


@pytest.mark.parametrize("k", [1, 3])
def test_observations_are_arrays_of_their_own(painter, k):
    env = FrameHistory(painter(), frames=k)
    seen = driven(env, 6, seed=0)
    copies = [observation.copy() for observation in seen]
    seen[-1] ^= 255  # what a caller does to its array stays its own affair
    env.step(ACTION)
    for observation, copy in zip(seen[:-1], copies, strict=False):
        np.testing.assert_array_equal(observation, copy)
    np.testing.assert_array_equal(env.step(ACTION)[0][: 3 * k - 6], copies[-1][6:])
    for i, a in enumerate(seen):
        assert not any(np.shares_memory(a, b) for b in [*seen[:i], env.unwrapped.canvas, *env._history])


def test_gymnasium_checker_accepts_it(painter):
    check_env(FrameHistory(painter()), skip_render_check=True)


def test_options_and_seed_reach_the_environment(painter):
    env = FrameHistory(painter())
    env.reset(seed=3, options={"episode": 7})
    assert env.unwrapped.options == [{"episode": 7}]


@pytest.mark.parametrize("frames", [0, -1, 2.0, True, None])
def test_wrong_number_of_frames_is_refused(painter, frames):
    with pytest.raises(ValueError, match="frames must be a positive int, got"):
        FrameHistory(painter(), frames=frames)


@pytest.mark.parametrize("id", ["CartPole-v1", "FrozenLake-v1"])
def test_other_observations_are_refused(id):
    with pytest.raises(
        TypeError, match=r"\(H, W, 3\), uint8\); this one's observation space is (Box|Discrete)"
    ):
        FrameHistory(gym.make(id))


def test_a_history_of_a_history_is_refused(painter):
    with pytest.raises(TypeError, match="one RGB frame"):
        FrameHistory(FrameHistory(painter()))
