import json
import subprocess
import sys
import textwrap

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from gymnasium import spaces

import semore_gym
from semore_gym.policies import ALGORITHMS, export_onnx, make_algorithm

CASES = [
    *((name, {}) for name in ALGORITHMS if name != "state"),  # which has no pictures to export for
    *(("semore", {"variant": f"m{i}"}) for i in (1, 2, 3)),
    ("rad", {"image_scale": 1.1}),
]


@pytest.fixture
def make_model(make_env, small):
    """A trained agent whose actions differ much between observations, in an uneven action space."""

    def make(name="sac", **options):
        env = make_env()
        env.action_space = spaces.Box(np.float32([-1.0, 0.0]), np.float32([3.0, 0.5]))
        model = make_algorithm(name, env, **small, **options).learn(24)
        torch.manual_seed(1)
        with torch.no_grad():
            for parameter in model.actor.parameters():
                parameter += 0.15 * torch.randn_like(parameter)
        return model

    return make


def observations(count):
    rng = np.random.default_rng(0)
    sizes = {"frames": (9, np.uint8), "mask": (1, np.uint8), "residual": (6, np.int16)}
    return {
        key: rng.integers(0, 256, (count, channels, 48, 48)).astype(dtype)
        for key, (channels, dtype) in sizes.items()
    }


@pytest.mark.parametrize(("name", "options"), CASES, ids=lambda value: str(value))
def test_the_file_acts_as_the_model(name, options, make_model, tmp_path):
    model = make_model(name, **options)
    session = onnxruntime.InferenceSession(export_onnx(model, tmp_path / "new" / "driver.onnx"))
    assert [(item.name, item.type, item.shape) for item in session.get_inputs()] == [
        ("frames", "tensor(uint8)", ["batch", 9, 48, 48])
    ]
    seen = observations(32)
    expected, _ = model.predict(seen, deterministic=True)
    assert expected.std(axis=0).min() > 0.02
    for size in (1, 8):
        batches = [
            session.run(["actions"], {"frames": seen["frames"][start : start + size]})[0]
            for start in range(0, 32, size)
        ]
        np.testing.assert_allclose(np.concatenate(batches), expected, atol=1e-5, rtol=0)


def test_the_model_is_left_as_it_was(make_model, tmp_path):
    model = make_model()
    before = {key: value.clone() for key, value in model.policy.state_dict().items()}
    model.policy.set_training_mode(True)
    export_onnx(model, tmp_path / "driver.onnx")
    assert model.policy.training
    assert model.actor.training
    assert all(torch.equal(value, before[key]) for key, value in model.policy.state_dict().items())


def test_the_file_tells_what_it_is(make_model, tmp_path):
    path = export_onnx(make_model(), tmp_path / "driver.onnx", action_names=("steer", "throttle"))
    onnx.checker.check_model(path)
    told = onnxruntime.InferenceSession(path).get_modelmeta().custom_metadata_map
    assert told.pop("algorithm") == "VisualSAC"
    assert told.pop("semore_gym") == semore_gym.__version__
    assert {key: json.loads(text) for key, text in told.items()} == {
        "frames_shape": [9, 48, 48],
        "action_names": ["steer", "throttle"],
        "action_low": [-1.0, 0.0],
        "action_high": [3.0, 0.5],
    }


def test_every_action_needs_a_name(make_model, tmp_path):
    with pytest.raises(
        ValueError, match=r"action_names must be 2 names, one for each action, got \['steer'\]"
    ):
        export_onnx(make_model(), tmp_path / "driver.onnx", action_names=["steer"])


def test_a_missing_package_is_named_with_its_extra():
    code = """
        import sys
        from importlib.machinery import PathFinder
        find = PathFinder.find_spec
        PathFinder.find_spec = lambda name, *rest: None if name == "onnxscript" else find(name, *rest)
        from semore_gym.policies.export import export_onnx
        export_onnx(None, "driver.onnx")
    """
    run = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True)
    assert 'export needs onnxscript: pip install "semore-gym[export]"' in run.stderr
