import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from semore_gym.wrappers import FrameHistory, ResidualFrames

ACTION = np.zeros(2, np.float32)


@pytest.mark.parametrize("k", [2, 3, 4])
def test_residual_is_exact(painter, k):
    env = ResidualFrames(FrameHistory(painter(), frames=k))
    observation, _ = env.reset(seed=1)
    assert observation["residual"].shape == (3 * (k - 1), 40, 36)
    assert not observation["residual"].any()
    for _ in range(8):
        observation = env.step(ACTION)[0]
        assert env.observation_space.contains(observation)
        frames, residual = observation["frames"].astype(int), observation["residual"]
        for i in range(k - 1):
            newer, older = frames[3 * i + 3 : 3 * i + 6], frames[3 * i : 3 * i + 3]
            np.testing.assert_array_equal(residual[3 * i : 3 * i + 3], newer - older)
        assert residual.min() < -200
        assert residual.max() > 200


def test_extremes_do_not_wrap(painter):
    env = ResidualFrames(FrameHistory(painter(), frames=2))
    frames = np.zeros((6, 40, 36), np.uint8)
    frames[0], frames[4] = 255, 255
    residual = env.observation(frames)["residual"]
    assert residual.dtype == np.int16
    assert residual[:, 0, 0].tolist() == [-255, 255, 0]


def test_gymnasium_checker_accepts_it(painter):
    check_env(ResidualFrames(FrameHistory(painter())), skip_render_check=True)


def test_needs_a_history(painter):
    with pytest.raises(TypeError, match=r"put FrameHistory under it.*Box\(0, 255, \(40, 36, 3\), uint8\)"):
        ResidualFrames(painter())
    with pytest.raises(TypeError, match="at least 2 frames, got 1"):
        ResidualFrames(FrameHistory(painter(), frames=1))
    with pytest.raises(TypeError, match="directly onto FrameHistory"):
        ResidualFrames(ResidualFrames(FrameHistory(painter())))
