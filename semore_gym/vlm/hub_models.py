"""Which models' weights are on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

CRIS_FILE = Path("cris_r50.pth")  # where CRISSegmenter looks by default


class HubModel(NamedTuple):
    """A model of a hub that masks may be made by."""

    name: str
    """What the hub calls it."""
    use: str
    """What it makes, and the options that ask for it."""
    memory: str
    """How much memory it takes, in words."""
    download: str
    """How much is downloaded, and what has to be done before, in words."""


MODELS = (
    HubModel("Qwen/Qwen2-VL-7B-Instruct", "phrases and verdicts, vlm:...", "17 GB", "16 GB"),
    HubModel("CIDAS/clipseg-rd64-refined", "masks, ...:clipseg", "0.7 GB", "0.6 GB"),
    HubModel("facebook/sam3", "masks, ...:sam3", "4 GB", "3.4 GB, after agreeing to its licence on its page"),
)


def models_found() -> Iterator[str]:
    """Say of every model whether it is here, how large it is, and how to get it; a line each."""
    yield "model weights: none are needed for --masks oracle or none, for endpoints, and to drive"
    if find_spec("transformers") is None:
        yield 'models on this machine need transformers: pip install "semore-gym[vlm]"'
        return
    sizes = cached_sizes()
    for each in MODELS:
        if each.name in sizes:
            here = f"is here, {sizes[each.name] / 1e9:.1f} GB"
        else:
            here = f"is not here: hf download {each.name} ({each.download})"
        yield f"{each.name} ({each.use}; takes {each.memory} of memory) {here}"
    if CRIS_FILE.is_file():
        cris = f"is here, {CRIS_FILE.stat().st_size / 1e9:.1f} GB"
    else:
        cris = "is not in this folder: train it by its authors' code, or give a file as segmenter.model"
    yield f"{CRIS_FILE} (masks, ...:cris; takes 0.7 GB of memory) {cris}"


def cached_sizes() -> dict[str, int]:
    """Bytes of every model in the hub's local cache, by name; nothing is asked of the hub."""
    from huggingface_hub import scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repos = scan_cache_dir().repos
    except CacheNotFound:
        return {}
    return {repo.repo_id: repo.size_on_disk for repo in repos if repo.repo_type == "model"}
