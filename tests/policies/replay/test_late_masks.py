import time

import numpy as np
import pytest
from stable_baselines3 import SAC
from stable_baselines3.common.vec_env import DummyVecEnv

from helpers.providers import Moody, Threshold
from semore_gym.masks import AsyncMasks
from semore_gym.policies import LateMasks, make_algorithm

PATIENCE = 30.0  # [s]


def without_masks(make_env):
    env = make_env()
    observe = env._observe
    env._observe = lambda: {**observe(), "mask": np.zeros((1, env.size, env.size), np.uint8)}
    return env


def drained(masks, late):
    """Wait until everything that was handed over is stored."""
    end = time.monotonic() + PATIENCE
    while masks.counts()["made"] + masks.counts()["lost"] < masks.counts()["submitted"]:
        assert time.monotonic() < end
        time.sleep(0.01)
    late.on_training_end()


@pytest.mark.parametrize("n_envs", [1, 2])
def test_masks_reach_the_very_frames_that_they_were_made_from(make_env, small, n_envs):
    env = DummyVecEnv([lambda: without_masks(make_env)] * n_envs)
    model = make_algorithm("semore", env, judge=None, **small)
    with AsyncMasks(Threshold) as masks:
        late = LateMasks(masks, every=2)
        model.learn(60, late, log_interval=None)
        drained(masks, late)
        assert masks.counts()["made"] > 5
        assert model.logger.name_to_value["masks/submitted"] > 5
    store = model.replay_buffer.store
    slots = store.live()
    masked = slots[store.masked[slots]]
    assert len(masked) > 5
    frames = store.frames(masked[:, None]).numpy()
    np.testing.assert_array_equal(store.masks(masked).numpy(), Threshold()(frames))
    guided = [model.replay_buffer.sample_frames(16).masks.any() for _ in range(20)]
    assert any(guided), "frames with late masks are learnt from"


def test_training_goes_on_when_masks_fail(make_env, small, caplog):
    model = make_algorithm("semore", without_masks(make_env), judge=None, **small)

    class Spoiled(LateMasks):
        def _hand_over(self):
            self.masks.submit(np.array([0]), np.ones((1, 3, 8, 8), np.uint8))  # Moody raises at a 1

    with AsyncMasks(Moody, batch_size=1, max_failures=2) as masks:
        late = Spoiled(masks, every=1)
        model.learn(40, late)
        drained_at = time.monotonic() + PATIENCE
        while "no more masks are made" not in caplog.text:
            assert time.monotonic() < drained_at
            time.sleep(0.01)
        model.learn(10, late, reset_num_timesteps=False)
    assert model.num_timesteps == 50
    assert model.replay_buffer.counts()["mask_coverage"] == 0


def test_wrong_use_is_refused(make_env):
    with AsyncMasks(Threshold) as masks:
        with pytest.raises(ValueError, match="every must be at least 1, got 0"):
            LateMasks(masks, every=0)
        model = SAC("MultiInputPolicy", make_env(), buffer_size=10, device="cpu")
        with pytest.raises(ValueError, match="LateMasks needs a FrameReplayBuffer, got DictReplayBuffer"):
            model.learn(1, LateMasks(masks))
