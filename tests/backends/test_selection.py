"""The backend of an environment."""

import gymnasium as gym
import pytest
from gymnasium.envs.registration import EnvSpec

from semore_gym.backends.base import CameraConfig
from semore_gym.backends.carla.config import CarlaConfig
from semore_gym.backends.selection import BACKENDS, make_backend

CAMERA = CameraConfig(32, 32)


def test_where_carla_is_may_be_its_fields(monkeypatch):
    given = []
    monkeypatch.setattr(type(BACKENDS), "load", lambda self, name: lambda camera, carla: given.append(carla))
    make_backend("carla", CAMERA, {"port": 2999})
    make_backend("carla", CAMERA, CarlaConfig(port=2999))
    assert given == [CarlaConfig(port=2999)] * 2
    with pytest.raises(ValueError, match=r"unknown fields of carla: prot; known: .*did you mean port"):
        make_backend("carla", CAMERA, {"prot": 2999})


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_an_environment_on_carla_goes_through_json():
    pytest.importorskip("carla")
    env = gym.make("SemoreCarla-HighWay-v0", backend="carla", carla=CarlaConfig(port=2999), image_size=32)
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    assert again.observation_space == env.observation_space
