"""The examples in docstrings, run as they stand."""

import doctest
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from pkgutil import walk_packages

import pytest

import semore_gym.policies
import semore_gym.wrappers

# the last two live in folders of their own, which an editable install does not show to a walk from the first
ROOTS = (semore_gym, semore_gym.policies, semore_gym.wrappers)
NEEDS = {
    "semore_gym.hub.folder": ("huggingface_hub",),
    "semore_gym.policies.export": ("onnxruntime", "onnxscript"),
    "semore_gym.results.statistics": ("rliable",),
    "semore_gym.wrappers.frame_history": ("Box2D",),
    "semore_gym.wrappers.residual_frames": ("Box2D",),
    "semore_gym.wrappers.semantic_mask": ("Box2D",),
}


def modules_with_examples():
    names = {module.name for root in ROOTS for module in walk_packages(root.__path__, f"{root.__name__}.")}
    return sorted(name for name in names if ">>>" in Path(find_spec(name).origin).read_text())


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples_run_as_they_stand(name, tmp_path, monkeypatch):
    for package in NEEDS.get(name, ()):
        pytest.importorskip(package)
    monkeypatch.chdir(tmp_path)
    assert doctest.testmod(import_module(name)).failed == 0
