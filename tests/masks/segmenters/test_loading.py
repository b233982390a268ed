from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from semore_gym.masks.segmenters import SEGMENTERS
from semore_gym.masks.segmenters.clipseg import CLIPSegSegmenter
from semore_gym.vlm import pretrained
from semore_gym.vlm.pretrained import digest, torch_device, torch_dtype

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_importing_masks_imports_no_model_library():
    code = "import sys, semore_gym.masks.segmenters as s; print(*s.SEGMENTERS, *sys.modules)"
    names = python(code).stdout.split()
    assert names[:3] == ["clipseg", "cris", "sam3"]
    assert not {"torch", "transformers"} & set(names)


@pytest.mark.parametrize("name", SEGMENTERS)
def test_missing_transformers_names_the_extra(name, monkeypatch):
    monkeypatch.setattr(pretrained, "find_spec", lambda package: None)
    with pytest.raises(ModuleNotFoundError, match=r'need transformers: pip install "semore-gym\[vlm\]"'):
        SEGMENTERS.load(name)()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("clipseg", r"CIDAS/.*' \(0.6 GB\): .*\. .* `hf download CIDAS/clipseg-rd64-refined` fetches it"),
        (
            "sam3",
            r"\(3.4 GB, after agreeing to its licence\): .*\. .* `hf download facebook/sam3` fetches it",
        ),
    ],
)
def test_missing_weights_say_how_to_get_them(name, message):
    with pytest.raises(FileNotFoundError, match=message):
        SEGMENTERS.load(name)(local_files_only=True, revision="f" * 40)


@pytest.mark.slow
def test_a_downloaded_model_is_known_by_its_commit(clipseg, tmp_path):
    cached = tmp_path / "hub" / "models--some--clipseg"
    shutil.copytree(clipseg, cached / "snapshots" / COMMIT)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text(COMMIT)
    code = f"""
from semore_gym.masks.segmenters.clipseg import CLIPSegSegmenter
for revision in (None, {COMMIT!r}):
    print(CLIPSegSegmenter("some/clipseg", local_files_only=True, revision=revision).identity)
"""
    lines = python(code, HF_HOME=str(tmp_path)).stdout.splitlines()
    assert lines == [f"clipseg some/clipseg@{COMMIT} float32"] * 2


def test_a_folder_is_known_by_its_files(clipseg, tmp_path):
    copy = shutil.copytree(clipseg, tmp_path / "copy")
    identity = CLIPSegSegmenter(clipseg).identity
    assert CLIPSegSegmenter(copy).identity == identity
    config = json.loads((copy / "processor_config.json").read_text())
    config["image_processor"]["size"] = 32
    (copy / "processor_config.json").write_text(json.dumps(config))
    assert CLIPSegSegmenter(copy).identity != identity
    assert CLIPSegSegmenter(clipseg, dtype="bfloat16").identity != identity


def test_a_tilde_is_the_home_folder(clipseg, tmp_path, monkeypatch):
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(clipseg.parent))
    assert CLIPSegSegmenter(f"~/{clipseg.name}").identity == CLIPSegSegmenter(clipseg).identity
    missing = re.escape(repr(str(clipseg.parent / "cris.pth")))
    with pytest.raises(FileNotFoundError, match=f"no weights of CRIS at {missing}"):
        SEGMENTERS.load("cris")("~/cris.pth")


def test_code_beside_the_weights_is_not_run(clipseg, tmp_path):
    copy = shutil.copytree(clipseg, tmp_path / "copy")
    (copy / "model.py").write_text("raise SystemExit('remote code was run')")
    config = json.loads((copy / "config.json").read_text())
    config["auto_map"] = {"AutoConfig": "model.Config", "AutoModel": "model.Model"}
    (copy / "config.json").write_text(json.dumps(config))
    CLIPSegSegmenter(copy)


def test_digest_is_of_the_content(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"1" * 3_000_000)
    before = digest(tmp_path / "a")
    assert len(before) == 16
    (tmp_path / "a").write_bytes(b"1" * 2_999_999 + b"2")
    assert digest(tmp_path / "a") != before


def test_dtypes_and_devices_have_names():
    assert torch_dtype("bfloat16") is torch.bfloat16
    assert torch_device("cpu").type == "cpu"
    assert torch_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(ValueError, match="dtype must be one of float32, bfloat16, float16, got 'int8'"):
        torch_dtype("int8")
