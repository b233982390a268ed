"""What algorithms are told in vain is refused, by the name that was given."""

import pytest
from stable_baselines3.common.buffers import DictReplayBuffer, ReplayBuffer
from stable_baselines3.sac.policies import MultiInputPolicy

from helpers.dots import PointAtDot
from semore_gym.make_env import make_env
from semore_gym.policies import (
    CURL,
    FrameReplayBuffer,
    SemoreSAC,
    StateSAC,
    VisualSAC,
    make_algorithm,
)
from semore_gym.policies.replay.state import StateReplayBuffer


@pytest.mark.parametrize("name", ["sac", "drq", "semore"])
def test_a_misspelt_argument_is_named_with_the_known_ones(name, small):
    with pytest.raises(ValueError, match=r"unknown arguments of .*: gama; known: .* mean gamma\?"):
        make_algorithm(name, PointAtDot(), gama=1, **small)


@pytest.mark.parametrize("policy", ["MultiInputPolicy", "CnnPolicy", MultiInputPolicy])
@pytest.mark.parametrize(
    ("algorithm", "wanted"), [(SemoreSAC, "SemorePolicy"), (CURL, "VisualPolicy"), (StateSAC, "StatePolicy")]
)
def test_another_policy_is_answered_by_the_name_of_ours(algorithm, wanted, policy, small):
    del small["policy_kwargs"]
    observation = {"observation": "state"} if algorithm is StateSAC else {"image_size": 48}
    env = make_env("SemoreCarla-HighWay-v0", **observation)
    with pytest.raises(ValueError, match=f"policy of {algorithm.__name__} must be '{wanted}' or a subclass"):
        algorithm(policy, env, **small)


@pytest.mark.parametrize("kind", [DictReplayBuffer, ReplayBuffer, StateReplayBuffer, "DictReplayBuffer"])
def test_another_replay_buffer_is_refused_by_its_own_argument(kind, small, tmp_path):
    with pytest.raises(ValueError, match="replay_buffer_class must be FrameReplayBuffer or a subclass, got"):
        make_algorithm("sac", PointAtDot(), replay_buffer_class=kind, **small)
    make_algorithm("sac", PointAtDot(), **small).save(tmp_path / "model.zip")
    with pytest.raises(ValueError, match="replay_buffer_class must be FrameReplayBuffer or a subclass, got"):
        VisualSAC.load(tmp_path / "model.zip", replay_buffer_class=kind)


def test_frames_are_no_states(small):
    del small["policy_kwargs"]
    env = make_env("SemoreCarla-HighWay-v0", observation="state")
    with pytest.raises(ValueError, match=r"replay_buffer_class must be StateReplayBuffer .*got Frame"):
        make_algorithm("state", env, replay_buffer_class=FrameReplayBuffer, **small)


@pytest.mark.parametrize("name", ["judge", "n_step", "device"])
def test_what_the_replay_buffer_does_not_take_is_named(name, small):
    with pytest.raises(ValueError, match=f"unknown replay_buffer_kwargs of FrameReplayBuffer: {name};"):
        make_algorithm("sac", PointAtDot(), replay_buffer_kwargs={name: 1}, **small)
