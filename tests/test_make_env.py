import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec

from semore_gym.make_env import make_env
from semore_gym.masks import OracleMasks
from semore_gym.wrappers import FrameHistory, ResidualFrames, SemanticMask


@pytest.fixture
def id():
    class Still(gym.Env):
        observation_space = spaces.Box(0, 255, (40, 40, 3), np.uint8)
        action_space = spaces.Discrete(2)

        def __init__(self, tag=14):
            self.tag = tag

        def reset(self, *, seed=None, options=None):
            super().reset(seed=seed)
            return np.full((40, 40, 3), 7, np.uint8), {}

        def segmentation(self):
            return np.full((40, 40), self.tag, np.uint8)

    gym.register("Still-v0", Still)
    yield "Still-v0"
    del gym.registry["Still-v0"]


def test_puts_history_residuals_and_masks_together(id):
    env = make_env(id)
    assert type(env) is SemanticMask
    assert type(env.env) is ResidualFrames
    assert type(env.env.env) is FrameHistory
    assert set(env.observation_space) == {"frames", "residual", "mask"}
    assert (env.reset(seed=0)[0]["mask"] == 255).all()


def test_passes_everything_on(id):
    env = make_env(id, masks=OracleMasks(classes=[9]), frames=4, every=3, between="hold", tag=9)
    observation, _ = env.reset(seed=0)
    assert observation["frames"].shape == (12, 40, 40)
    assert (observation["mask"] == 255).all()
    assert (env.every, env.between) == (3, "hold")


def test_without_masks_the_space_is_the_same_and_none_takes_the_key_away(id):
    env = make_env(id, masks="none")
    assert env.observation_space == make_env(id).observation_space
    assert not env.reset(seed=0)[0]["mask"].any()
    assert set(make_env(id, masks=None).observation_space) == {"frames", "residual"}


def test_the_residual_can_be_left_out(id):
    env, whole = make_env(id, residual=False), make_env(id)
    assert set(env.observation_space) == {"frames", "mask"}
    observation, expected = env.reset(seed=0)[0], whole.reset(seed=0)[0]
    assert observation.keys() == {"frames", "mask"}
    for key, value in observation.items():
        np.testing.assert_array_equal(value, expected[key])
    assert make_env(id, masks=None, residual=False).observation_space.shape == (9, 40, 40)


def test_unknown_masks_are_refused(id):
    with pytest.raises(ValueError, match="unknown masks 'orcle'; known: learned, none, oracle"):
        make_env(id, masks="orcle")


HIGHWAY = "SemoreCarla-HighWay-v0"


@pytest.mark.parametrize(
    "options",
    [
        {"masks": "oracle", "mask_options": {"missed": 0.5}, "every": 2},
        {"masks": "none", "between": "hold", "frames": 2},
        {"masks": None},
    ],
)
def test_the_spec_goes_through_json(options):
    env = make_env(HIGHWAY, image_size=32, **options)
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    for one, other in zip(drive(env), drive(again), strict=True):
        assert one.keys() == other.keys()
        for name in one:
            np.testing.assert_array_equal(one[name], other[name])


@pytest.mark.parametrize("options", [{"masks": None, "residual": False}, {"observation": "state"}])
def test_the_spec_of_an_array_goes_through_json(options):
    env = make_env(HIGHWAY, **options)
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))
    np.testing.assert_array_equal(drive(env), drive(again))


def test_several_environments_are_made_of_a_spec_that_went_through_json():
    env = make_env(HIGHWAY, image_size=32)
    spec = EnvSpec.from_json(env.spec.to_json())
    several = gym.make_vec(spec, num_envs=2, vectorization_mode="sync")
    assert several.single_observation_space == env.observation_space
    observation, _ = several.reset(seed=[3, 4])
    for name, one in env.reset(seed=3)[0].items():
        np.testing.assert_array_equal(observation[name][0], one)
    several.close()


def test_masks_by_an_object_keep_the_spec_from_json_but_not_from_make():
    spec = make_env(HIGHWAY, masks=OracleMasks(missed=0.5), image_size=32).spec
    assert gym.make(spec).get_wrapper_attr("provider").missed == 0.5
    with pytest.raises(TypeError, match="OracleMasks is not JSON serializable"):
        spec.to_json()


def drive(env):
    """What is observed in the first steps of an episode."""
    seen = [env.reset(seed=3)[0]]
    seen += [env.step(np.array([0.0, 1.0], np.float32))[0] for _ in range(4)]
    env.close()
    return seen
