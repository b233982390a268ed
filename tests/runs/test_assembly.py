import numpy as np
import pytest

from semore_gym.config import TrainConfig
from semore_gym.runs.assembly import throttle_noise


def test_throttle_noise_lasts_has_its_deviation_and_leaves_the_steering_alone():
    np.random.seed(0)
    noise = throttle_noise(0.5)
    drawn = np.array([noise() for _ in range(20_000)])
    assert (drawn[:, 0] == 0).all()
    throttle = drawn[:, 1]
    assert throttle.std() == pytest.approx(0.5, rel=0.05)
    assert np.corrcoef(throttle[:-1], throttle[1:])[0, 1] == pytest.approx(0.85, abs=0.02)  # 1 - theta


@pytest.mark.parametrize("value", [-0.1, 1.5])
def test_noise_out_of_range_is_refused(value):
    with pytest.raises(ValueError, match="exploration_noise must be from 0 to 1"):
        TrainConfig(exploration_noise=value)
