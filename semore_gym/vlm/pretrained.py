"""Where the weights of large models come from, and what to say when they are not there."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from semore_gym.utils.downloads import asking_hub
from semore_gym.utils.files import expanded

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Pretrained:
    """A model on a hub or in a folder.

    Args:
        model: A hub's name, `"owner/name"`, or a folder that holds the same files.
        revision: A branch, tag or commit; None means the newest.
        local_files_only: Whether to look only at what was downloaded before.
        size: About what a download takes, for the message that says to make it.
    """

    model: str
    revision: str | None
    local_files_only: bool
    size: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "model", str(expanded(self.model)))  # no name of a hub has a ~

    def load(self, kind: Any, **settings: Any) -> Any:
        """Make an object of a transformers class from these files; no code that comes with them is run.

        Args:
            kind: The class, or anything else with a `from_pretrained`.
            **settings: Its further arguments.

        Raises:
            FileNotFoundError: If the files are not there; the message says how to get them.
        """
        return self.look_up(kind.from_pretrained, **settings)

    def look_up(self, find: Any, **settings: Any) -> Any:
        """Call `find(model, revision=..., local_files_only=...)`, with a message of use where it fails.

        Raises:
            FileNotFoundError: If the files are not there; the message says how to get them.
        """
        settings |= {"revision": self.revision, "local_files_only": self.local_files_only}
        try:
            if self.local_files_only or Path(self.model).is_dir():
                return find(self.model, **settings)
            with asking_hub(self.model):
                return find(self.model, **settings)
        except OSError as error:
            reason = str(error).splitlines()[0].rstrip(".")
            raise FileNotFoundError(
                f"cannot load {self.model!r} ({self.size}): {reason}. Where there is a network, "
                f"`hf download {self.model}` fetches it; HF_HUB_OFFLINE=1 then asks nobody, and a folder "
                "that holds its files may stand for its name."
            ) from error

    def version(self) -> str:
        """What tells these files, loaded before, from others: `"name@commit"`, or the digest of a folder."""
        if Path(self.model).is_dir():
            return digest(Path(self.model))
        from huggingface_hub import hf_hub_download

        file = hf_hub_download(self.model, "config.json", revision=self.revision, local_files_only=True)
        return f"{self.model}@{Path(file).parent.name}"  # .../snapshots/<commit>/config.json


def digest(path: Path) -> str:
    """First 16 digits of the SHA-256 of a file, or of all files right in a folder, with their names."""
    total = hashlib.sha256()
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        if file.is_file():
            total.update(file.name.encode())
            with file.open("rb") as stream:
                while block := stream.read(1 << 20):
                    total.update(block)
    return total.hexdigest()[:16]


def need_transformers() -> None:
    """Check that transformers is installed.

    Raises:
        ModuleNotFoundError: If it is not; the message says what to install.
    """
    if find_spec("transformers") is None:
        raise ModuleNotFoundError(
            'vision-language models need transformers: pip install "semore-gym[vlm]"', name="transformers"
        )


def torch_dtype(name: str) -> torch.dtype:
    """The floating-point type called `name`.

    Raises:
        ValueError: If it is not one that models run in.
    """
    if name not in DTYPES:
        raise ValueError(f"dtype must be one of {', '.join(DTYPES)}, got {name!r}")
    return DTYPES[name]


def torch_device(name: str) -> torch.device:
    """The device called `name`; `"auto"` is the GPU where there is one."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)
