import warnings
from functools import partial

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_env_sb3
from stable_baselines3.common.vec_env import DummyVecEnv

from semore_gym.masks import NoMasks, OracleMasks
from semore_gym.wrappers import FrameHistory, ResidualFrames, SemanticMask

ACTION = np.zeros(2, np.float32)


class Dice:
    """Masks of noise; remembers the frames that it was shown."""

    def reset(self, env, rng):
        self.env, self.rng, self.shown = env, rng, []

    def __call__(self, frames):
        self.shown.append(frames.copy())
        return self.rng.integers(1, 256, (len(frames), 1, *frames.shape[2:]), np.uint8)


def episode(env, steps=8, **reset):
    """Every mask of one episode."""
    masks = [env.reset(**reset)[0]["mask"]]
    return np.stack([*masks, *(env.step(ACTION)[0]["mask"] for _ in range(steps))])


@pytest.mark.parametrize("every", [1, 2, 3, 10])
@pytest.mark.parametrize("between", ["none", "hold"])
def test_a_mask_is_made_at_every_so_many_steps_of_an_episode(painter, every, between):
    env = SemanticMask(FrameHistory(painter()), Dice(), every=every, between=between)
    for reset in ({"seed": 4}, {}):
        observations = [env.reset(**reset)[0]]
        observations += [env.step(ACTION)[0] for _ in range(11)]
        made = [t for t in range(12) if t % every == 0]
        assert len(env.provider.shown) == len(made)
        for t, frame in zip(made, env.provider.shown, strict=True):
            np.testing.assert_array_equal(frame[0], observations[t]["frames"][-3:])
        for t, observation in enumerate(observations):
            if t % every == 0:
                assert observation["mask"].all()
            elif between == "none":
                assert not observation["mask"].any()
            else:
                np.testing.assert_array_equal(observation["mask"], observations[t // every * every]["mask"])
            assert env.observation_space.contains(observation)


def test_costly_providers_are_asked_every_10_steps_and_free_ones_always(painter):
    history = FrameHistory(painter())
    assert SemanticMask(history, Dice()).every == 10
    assert SemanticMask(history, OracleMasks()).every == 1
    assert SemanticMask(history, NoMasks()).every == 1
    assert SemanticMask(history, OracleMasks(), every=10).every == 10


def test_the_oracle_masks_the_newest_frame(painter):
    env = SemanticMask(ResidualFrames(FrameHistory(painter())), OracleMasks())
    observation, _ = env.reset(seed=2)
    for _ in range(5):
        np.testing.assert_array_equal(
            observation["mask"][0], np.where(observation["frames"][-3] > 200, 255, 0)
        )
        observation = env.step(ACTION)[0]


def test_observations_are_arrays_of_their_own(painter):
    env = SemanticMask(ResidualFrames(FrameHistory(painter())), Dice(), every=2, between="hold")
    seen = [env.reset(seed=0)[0], *(env.step(ACTION)[0] for _ in range(6))]
    copies = [{name: value.copy() for name, value in observation.items()} for observation in seen]
    for observation in seen:
        observation["mask"] ^= 255
    arrays = [value for observation in seen for value in observation.values()]
    for i, array in enumerate(arrays):
        assert not any(np.shares_memory(array, other) for other in arrays[:i])
    held = env.step(ACTION)[0]  # step 7 holds the mask of step 6
    np.testing.assert_array_equal(held["mask"], copies[6]["mask"])
    np.testing.assert_array_equal(seen[5]["frames"], copies[5]["frames"])


def test_a_providers_randomness_depends_on_seed_and_episode_alone(painter):
    env = SemanticMask(FrameHistory(painter()), Dice(), every=1)
    zero, one, two = episode(env, seed=5), episode(env, 3), episode(env)
    other = SemanticMask(FrameHistory(painter()), Dice(), every=1)
    episode(other, seed=1)
    np.testing.assert_array_equal(episode(other, seed=5, options={"episode": 2}), two)
    np.testing.assert_array_equal(episode(other, options={"episode": 0}), zero)
    np.testing.assert_array_equal(episode(other, 3), one)
    assert (zero != two).any()
    assert (zero != episode(other, seed=6)).any()


def test_unseeded_environments_differ(painter):
    envs = [SemanticMask(FrameHistory(painter()), Dice(), every=1) for _ in range(2)]
    assert (episode(envs[0]) != episode(envs[1])).any()


def test_options_reach_the_environment(painter):
    env = SemanticMask(FrameHistory(painter()), NoMasks())
    env.reset(seed=1, options={"episode": 3})
    assert env.unwrapped.options == [{"episode": 3}]


def test_environments_given_one_provider_do_not_disturb_each_other(painter):
    provider = Dice()
    envs = [SemanticMask(FrameHistory(painter()), provider, every=1) for _ in range(2)]
    alone = [episode(env, seed=i) for i, env in enumerate(envs)]
    together = [[env.reset(seed=i)[0]["mask"]] for i, env in enumerate(envs)]
    for _ in range(8):
        for masks, env in zip(together, envs, strict=True):
            masks.append(env.step(ACTION)[0]["mask"])
    np.testing.assert_array_equal(np.stack(alone), np.array(together))
    assert vars(provider) == {}


def test_vectorised_environments_mask_their_own_frames(painter):
    wrappers = (FrameHistory, ResidualFrames, partial(SemanticMask, provider=OracleMasks()))
    gym.register("Painter-v0", painter)
    try:
        envs = gym.make_vec("Painter-v0", num_envs=3, vectorization_mode="sync", wrappers=wrappers)
        observation, _ = envs.reset(seed=1)
        for _ in range(14):
            expected = np.where(observation["frames"][:, -3:-2] > 200, 255, 0)
            np.testing.assert_array_equal(observation["mask"], expected)
            observation = envs.step(envs.action_space.sample())[0]
        envs.close()
    finally:
        del gym.registry["Painter-v0"]


def test_sb3s_vectorised_environments_mask_their_own_frames(painter):
    provider = OracleMasks()
    envs = DummyVecEnv([lambda: SemanticMask(FrameHistory(painter()), provider) for _ in range(3)])
    observation = envs.reset()
    for _ in range(14):
        expected = np.where(observation["frames"][:, -3:-2] > 200, 255, 0)
        np.testing.assert_array_equal(observation["mask"], expected)
        observation = envs.step(np.zeros((3, 2), np.float32))[0]


@pytest.mark.parametrize("wrap", [lambda env: env, ResidualFrames])
def test_checkers_accept_it(painter, wrap):
    env = SemanticMask(wrap(FrameHistory(painter())), OracleMasks(missed=0.5, false_blobs=1.0), every=2)
    check_env(env, skip_render_check=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_env_sb3(env)
    assert all("residual" in str(warning.message) for warning in caught)


@pytest.mark.parametrize(
    "masks",
    [
        None,
        "mask",
        np.zeros((1, 1, 40, 36)),
        np.zeros((1, 40, 36), np.uint8),
        np.zeros((1, 1, 36, 40), np.uint8),
    ],
)
def test_a_provider_that_returns_something_else_is_named(painter, masks):
    class Wrong(NoMasks):
        def __call__(self, frames):
            return masks

    with pytest.raises(ValueError, match=r"Wrong must return masks of uint8 \(1, 1, 40, 36\), got"):
        SemanticMask(FrameHistory(painter()), Wrong()).reset(seed=0)


def test_wrong_arguments_are_refused(painter):
    history = FrameHistory(painter())
    with pytest.raises(TypeError, match=r"SemanticMask needs stacked frames.*put FrameHistory under it"):
        SemanticMask(painter(), NoMasks())
    for every in (0, -1, 2.5, True):
        with pytest.raises(ValueError, match="every must be a positive int, got"):
            SemanticMask(history, NoMasks(), every=every)
    with pytest.raises(ValueError, match="between must be one of none, hold, got 'keep'"):
        SemanticMask(history, NoMasks(), between="keep")
    for provider in (NoMasks, None, 7):
        with pytest.raises(TypeError, match="provider must be a MaskProvider"):
            SemanticMask(history, provider)
    with pytest.raises(ValueError, match="unknown masks 'orcle'; known: learned, none, oracle"):
        SemanticMask(history, "orcle")
    with pytest.raises(ValueError, match="mask_options go with a name of masks"):
        SemanticMask(history, NoMasks(), mask_options={"missed": 0.5})
