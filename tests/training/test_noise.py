import pickle

import numpy as np
import pytest

from semore_gym.training.noise import ThrottleNoise


def test_it_lasts_has_its_deviation_and_leaves_the_steering_alone():
    np.random.seed(0)
    noise = ThrottleNoise(0.5)
    drawn = np.array([noise() for _ in range(20_000)])
    assert (drawn[:, 0] == 0).all()
    throttle = drawn[:, 1]
    assert throttle.std() == pytest.approx(0.5, rel=0.05)
    assert np.corrcoef(throttle[:-1], throttle[1:])[0, 1] == pytest.approx(0.85, abs=0.02)  # 1 - theta


def test_it_goes_on_fading_over_episodes_and_where_it_was_saved():
    noise = ThrottleNoise(0.5, fading=10)
    for step in range(10):
        assert noise()[1] != 0, step
        noise.reset()
        noise = pickle.loads(pickle.dumps(noise))
    assert not any(noise().any() for _ in range(5))
