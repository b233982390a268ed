import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_contrib import TQC, TRPO, CrossQ, RecurrentPPO
from stable_baselines3 import A2C, DDPG, PPO, SAC, TD3
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from semore_gym.policies import SemoreExtractor

FRAMES = spaces.Box(0, 255, (9, 48, 48), np.uint8)
SMALL = {"channels": (8, 8, 8, 8), "stream_dim": 16}


def policy_kwargs(**extra):
    return {
        "features_extractor_class": SemoreExtractor,
        "features_extractor_kwargs": {**SMALL, **extra},
        "net_arch": [16],
    }


OFF_POLICY = {"learning_starts": 8, "batch_size": 4, "buffer_size": 50}


@pytest.mark.parametrize(
    ("algorithm", "policy", "mask"),
    [
        (SAC, "MultiInputPolicy", True),
        (TD3, "MultiInputPolicy", True),
        (TQC, "MultiInputPolicy", True),
        (SAC, "CnnPolicy", False),
        (TD3, "CnnPolicy", False),
        (TQC, "CnnPolicy", False),
        (CrossQ, "MlpPolicy", False),
        (DDPG, "CnnPolicy", False),
        (PPO, "MultiInputPolicy", True),
        (PPO, "CnnPolicy", False),
        (A2C, "CnnPolicy", False),
        (TRPO, "CnnPolicy", False),
        (RecurrentPPO, "MultiInputLstmPolicy", True),
        (RecurrentPPO, "CnnLstmPolicy", False),
    ],
)
def test_learns_inside_other_algorithms(make_env, tmp_path, algorithm, policy, mask):
    env = make_env(mask=mask)
    off_policy = issubclass(algorithm, OffPolicyAlgorithm)
    arguments = OFF_POLICY if off_policy else {"n_steps": 7}
    model = algorithm(policy, env, policy_kwargs=policy_kwargs(), seed=0, device="cpu", **arguments)
    extractor = (model.critic if off_policy else model.policy).features_extractor
    before = extractor.encoder.motion[0].weight.detach().clone()
    model.learn(14)
    assert not torch.equal(before, extractor.encoder.motion[0].weight)
    observation, _ = env.reset(seed=0)
    model.save(tmp_path / "model.zip")
    loaded = algorithm.load(tmp_path / "model.zip")
    np.testing.assert_array_equal(*(m.predict(observation, deterministic=True)[0] for m in (model, loaded)))


def test_stacked_image_and_dict_agree(make_env):
    env = make_env()
    observation, _ = env.reset(seed=0)
    torch.manual_seed(0)
    extractor = SemoreExtractor(env.observation_space, **SMALL)
    tensors = {key: torch.as_tensor(value)[None].float() for key, value in observation.items()}
    scaled = {**tensors, "frames": tensors["frames"] / 255, "mask": tensors["mask"] / 255}
    from_dict = extractor(scaled)
    from_image = extractor(torch.as_tensor(observation["frames"])[None])
    torch.testing.assert_close(from_dict, from_image, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("guided", [False, True])
def test_mask_matters_only_when_guided(make_env, guided):
    extractor = SemoreExtractor(make_env().observation_space, guided=guided, **SMALL)
    frames = torch.rand(2, 9, 48, 48)
    masks = [torch.zeros(2, 1, 48, 48), torch.rand(2, 1, 48, 48)]
    features = [extractor({"frames": frames, "mask": mask}) for mask in masks]
    assert torch.equal(*features) != guided


def test_guided_needs_a_mask():
    with pytest.raises(ValueError, match="'mask' where guided=True"):
        SemoreExtractor(FRAMES, guided=True, **SMALL)


def test_unscaled_floats_are_refused():
    with pytest.raises(ValueError, match="normalize_images=True"):
        SemoreExtractor(FRAMES, **SMALL)(torch.full((1, 9, 48, 48), 200.0))


def test_single_frames_are_refused():
    with pytest.raises(ValueError, match="FrameHistory"):
        SemoreExtractor(spaces.Box(0, 255, (3, 48, 48), np.uint8), **SMALL)
