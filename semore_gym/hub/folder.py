"""A trained agent as a folder: tensors, JSON and a model card, no pickle."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from operator import attrgetter
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from stable_baselines3.common.type_aliases import GymEnv
from torch import Tensor

from semore_gym.config import EnvConfig
from semore_gym.evaluation import Evaluation
from semore_gym.hub.card import card
from semore_gym.hub.description import Description
from semore_gym.policies import VisualSAC
from semore_gym.policies.compiled import plain_state
from semore_gym.utils.devices import check_device
from semore_gym.utils.files import write_text

WEIGHTS, CONFIG, CARD, VIDEO = "model.safetensors", "config.json", "README.md", "replay.mp4"


def save_to_folder(
    model: VisualSAC,
    folder: str | Path,
    *,
    env: EnvConfig | None = None,
    evaluation: Evaluation | None = None,
    video: Path | None = None,
    repo_id: str | None = None,
) -> Path:
    """Write an agent so that others can drive it, or go on training it.

    The folder holds model.safetensors (encoder, actor, critics, targets, heads and temperature; not the
    optimisers, not the replay buffer), config.json and README.md, the model card.

    Args:
        model: The agent; it is not changed.
        folder: Where; files of the same names are replaced.
        env: The environment that it was trained in.
        evaluation: Its metrics go into the card.
        video: An mp4 of it, copied into the folder.
        repo_id: `user/name` on the hub, for the card's example.

    Returns:
        The folder.

    Raises:
        ValueError: If the agent has something that JSON cannot hold and its networks depend on.
        ModuleNotFoundError: If huggingface_hub, which writes the model card, is missing.

    Example:
        >>> from semore_gym import make_env
        >>> from semore_gym.hub import load_from_folder
        >>> from semore_gym.policies import make_algorithm
        >>> env = make_env("SemoreCarla-HighWay-v0", image_size=48)
        >>> _ = save_to_folder(make_algorithm("semore", env, preset="light"), "my_agent")
        >>> observation, info = env.reset(seed=0)
        >>> action, _ = load_from_folder("my_agent").predict(observation, deterministic=True)
    """
    require_hub()
    described = Description.of(model, env)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    # a clone each: safetensors refuses tensors that share memory, and knows only one layout
    tensors = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in _tensors(model).items()}
    (folder / WEIGHTS).write_bytes(save(tensors, metadata={"format": "pt"}))
    write_text(folder / CONFIG, described.to_json())
    if video is not None:
        shutil.copyfile(video, folder / VIDEO)
    text = card(described, evaluation, VIDEO if video else None, repo_id, model.num_timesteps)
    write_text(folder / CARD, text)
    return folder


def load_from_folder(folder: str | Path, env: GymEnv | None = None, device: str = "auto") -> VisualSAC:
    """Read an agent that `save_to_folder` wrote; nothing in the folder is run or unpickled.

    Args:
        folder: The folder.
        env: To train on; None where it only acts. The replay buffer starts empty.
        device: Where the networks go.

    Raises:
        ValueError: If a file is missing, damaged, or does not fit the others or the environment.
    """
    check_device(device)
    folder = Path(folder)
    described = read_description(folder)
    try:
        wrapped = None if env is None else VisualSAC._wrap_env(env)
        model = described.build(wrapped, device)
        _give_tensors(model, load_file(_file(folder, WEIGHTS)))
        if wrapped is not None:
            model.set_env(wrapped)
    except (ValueError, SafetensorError) as error:
        raise ValueError(f"{folder}: {error}") from error
    return model


def read_description(folder: Path) -> Description:
    """Read a folder's config.json.

    Raises:
        ValueError: If it is missing or wrong.
    """
    file = _file(folder, CONFIG)
    try:
        return Description.from_json(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{file} is no description of a shared agent: {error}") from error


def require_hub() -> None:
    """Say what to install if huggingface_hub is missing.

    Raises:
        ModuleNotFoundError: If it is.
    """
    if find_spec("huggingface_hub") is None:
        raise ModuleNotFoundError(
            'sharing needs huggingface_hub: pip install "semore-gym[hub]"', name="huggingface_hub"
        )


def _tensors(model: VisualSAC) -> dict[str, Tensor]:
    """Every tensor that the model's own file would hold, but the optimisers', by name; not copies."""
    found: dict[str, Tensor] = {}
    for part, module in model.modules().items():
        found.update({f"{part}.{name}": tensor for name, tensor in plain_state(module).items()})
    return found | {name: attrgetter(name)(model) for name in model._get_torch_save_params()[1]}


def _give_tensors(model: VisualSAC, given: dict[str, Tensor]) -> None:
    wanted = _tensors(model)
    for problem, names in (("missing", wanted.keys() - given), ("unknown", given.keys() - wanted)):
        if names:
            raise ValueError(f"{WEIGHTS} has {problem} tensors: {', '.join(sorted(names)[:3])}")
    for name, tensor in wanted.items():
        if (tensor.shape, tensor.dtype) != (given[name].shape, given[name].dtype):
            raise ValueError(
                f"tensor {name} in {WEIGHTS} must be {tuple(tensor.shape)} {tensor.dtype}, "
                f"got {tuple(given[name].shape)} {given[name].dtype}"
            )
        with torch.no_grad():
            tensor.copy_(given[name])


def _file(folder: Path, name: str) -> Path:
    if not (folder / name).is_file():
        raise ValueError(f"{folder} is no shared agent: it has no {name}")
    return folder / name
