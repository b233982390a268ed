"""Convolutions in bfloat16 and compiled: the same learning, to the precision of the numbers."""

import shutil

import numpy as np
import onnxruntime
import pytest
import torch

from semore_gym.policies import VisualSAC, export_onnx, make_algorithm

COMPILER = pytest.mark.skipif(
    not any(map(shutil.which, ("c++", "g++", "clang++", "cl"))), reason="torch.compile needs a C++ compiler"
)
WAYS = ["bf16", pytest.param("compile", marks=COMPILER), pytest.param("compile-bf16", marks=COMPILER)]


@pytest.fixture
def make_model(make_env, small):
    def make(acceleration, name="sac"):
        return make_algorithm(name, make_env(), acceleration=acceleration, **small)

    return make


def losses_of(model, batch):
    torch.manual_seed(3)
    model.update_actor(model.update_critic(batch))
    return {name: value for name, value in model.meter.drain(0).items() if name.startswith("loss/")}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["sac", "semore"])
def test_losses_are_those_of_plain_convolutions(name, way, make_model, make_batch):
    plain, accelerated = (losses_of(make_model(how, name), make_batch()) for how in ("off", way))
    tolerance = 0.03 if "bf16" in way else 1e-4
    assert accelerated == pytest.approx(plain, rel=tolerance, abs=tolerance)


def test_bfloat16_is_computed_in_and_nothing_is_kept_in_it(make_model, make_batch):
    model, seen = make_model("bf16"), []
    model.critic.encoder.stem[0].register_forward_hook(lambda _, __, output: seen.append(output.dtype))
    model.update_critic(make_batch())
    assert set(seen) == {torch.bfloat16}
    assert model.encode(make_batch()).maps[0].dtype == torch.float32
    assert all(value.dtype == torch.float32 for value in model.policy.state_dict().values())


@pytest.mark.parametrize("way", WAYS)
def test_it_learns_saves_and_goes_on(way, make_model, make_env, tmp_path):
    model = make_model(way)
    model.learn(24)
    model.save(tmp_path / "model.zip")
    loaded = VisualSAC.load(tmp_path / "model.zip", env=make_env())
    assert loaded.acceleration == way
    observation, _ = make_env().reset(seed=0)
    actions = [one.predict(observation, deterministic=True)[0] for one in (model, loaded)]
    np.testing.assert_allclose(*actions, atol=1e-5)
    assert loaded.learn(24)._n_updates > 0
    plain = VisualSAC.load(tmp_path / "model.zip", acceleration="off")
    np.testing.assert_allclose(plain.predict(observation, deterministic=True)[0], actions[0], atol=0.02)


def test_what_is_exported_is_plain(make_model, make_env, tmp_path):
    model = make_model("bf16")
    session = onnxruntime.InferenceSession(export_onnx(model, tmp_path / "driver.onnx"))
    observation, _ = make_env().reset(seed=0)
    (exported,) = session.run(None, {"frames": observation["frames"][None]})
    np.testing.assert_allclose(exported[0], model.predict(observation, deterministic=True)[0], atol=0.02)


def test_other_ways_are_refused(make_model):
    with pytest.raises(ValueError, match=r"acceleration must be one of off, bf16, compile, .*got 'fast'"):
        make_model("fast")
