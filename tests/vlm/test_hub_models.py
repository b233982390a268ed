import sys

import pytest

from semore_gym.vlm import hub_models


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of the hub, in a working folder of its own."""
    monkeypatch.chdir(tmp_path)
    from huggingface_hub.utils import _cache_manager

    monkeypatch.setattr(_cache_manager, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def test_what_is_missing_is_said_with_how_to_get_it(cache):
    lines = list(hub_models.models_found())
    assert any("hf download CIDAS/clipseg-rd64-refined (0.6 GB)" in line for line in lines)
    assert sum("is not" in line for line in lines) == len(hub_models.MODELS) + 1


def test_what_is_here_is_said_with_its_size(cache):
    folder = cache / "models--CIDAS--clipseg-rd64-refined"
    (folder / "blobs").mkdir(parents=True)
    (folder / "refs").mkdir()
    snapshot = folder / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (folder / "refs" / "main").write_text("0" * 40)
    (folder / "blobs" / "weights").write_bytes(bytes(60_000_000))
    (snapshot / "model.safetensors").symlink_to(folder / "blobs" / "weights")
    hub_models.CRIS_FILE.write_bytes(bytes(1000))
    here = [line for line in hub_models.models_found() if "is here" in line]
    assert len(here) == 2
    assert "clipseg" in here[0]
    assert "is here, 0.1 GB" in here[0]


def test_without_transformers_its_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    monkeypatch.setattr(hub_models, "find_spec", lambda name: None)
    assert list(hub_models.models_found())[1].endswith('pip install "semore-gym[vlm]"')
