"""What torch.compile has wrapped is trained, saved, shared and exported as if it were not."""

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file

from semore_gym.hub import load_from_folder, save_to_folder
from semore_gym.policies import export_onnx, make_algorithm

PLACES = {
    "semore": [
        "policy",
        "policy.actor",
        "policy.critic.encoder",
        "policy.critic.encoder.semantic",
        "policy.actor.latent_pi",
        "heads.reward",
    ],
    "simoun": ["policy.critic_target.encoder"],
    "curl": ["contrast"],
    "flare": ["policy.critic.encoder.stem"],
}


def wrap(model, place):
    owner, _, name = f"model.{place}".rpartition(".")
    owner = eval(owner, {"model": model})
    setattr(owner, name, torch.compile(getattr(owner, name), backend="eager"))
    model._create_aliases()


@pytest.mark.parametrize(("name", "place"), [(name, place) for name in PLACES for place in PLACES[name]])
def test_every_way_to_keep_an_agent_knows_no_wrapper(name, place, make_env, small, tmp_path):
    env = make_env()
    small = {**small, "learning_starts": 6, "batch_size": 4}
    model, plain = (make_algorithm(name, env, **small) for _ in range(2))
    wrap(model, place)
    for each in (model, plain):
        each.set_random_seed(0)
        each.learn(8)
    assert model._n_updates > 0
    assert model.get_parameters()["policy"].keys() == plain.get_parameters()["policy"].keys()
    observation, _ = env.reset(seed=0)
    action = plain.predict(observation, deterministic=True)[0]

    model.save(tmp_path / "model.zip")
    loaded = type(model).load(tmp_path / "model.zip", device="cpu")
    save_to_folder(model, tmp_path / "shared")
    shared = load_from_folder(tmp_path / "shared", device="cpu")
    assert not [key for key in load_file(tmp_path / "shared" / "model.safetensors") if "_orig_mod" in key]
    for each in (model, loaded, shared):
        np.testing.assert_allclose(each.predict(observation, deterministic=True)[0], action, atol=1e-6)


@pytest.mark.slow
def test_what_is_exported_is_not_compiled(make_env, small, tmp_path):
    model = make_algorithm("semore", make_env(), **small)
    observation, _ = make_env().reset(seed=0)
    action = model.predict(observation, deterministic=True)[0]
    for place in ("policy.critic.encoder.semantic", "policy.critic.encoder", "policy.actor.mu", "policy"):
        wrap(model, place)
    session = onnxruntime.InferenceSession(export_onnx(model, tmp_path / "driver.onnx"))
    (exported,) = session.run(None, {"frames": observation["frames"][None]})
    np.testing.assert_allclose(exported[0], action, atol=1e-5)


def test_a_compiled_policy_takes_what_a_plain_one_gave(make_env, small, tmp_path):
    model, plain = (make_algorithm("semore", make_env(), **{**small, "seed": seed}) for seed in (0, 1))
    plain.save(tmp_path / "plain.zip")
    wrap(model, "policy.critic.encoder")
    observation, _ = make_env().reset(seed=0)
    for given in (plain.get_parameters(), tmp_path / "plain.zip"):
        model.set_parameters(given, device="cpu")
        np.testing.assert_array_equal(
            *(each.predict(observation, deterministic=True)[0] for each in (model, plain))
        )
    with pytest.raises(RuntimeError, match=r"Unexpected key.*nonsense"):
        model.set_parameters({"policy": {"nonsense": torch.zeros(1)}}, exact_match=True)
