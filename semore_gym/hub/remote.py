"""Shared agents on Hugging Face's hub."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from stable_baselines3.common.type_aliases import GymEnv

from semore_gym.hub.folder import CONFIG, WEIGHTS, load_from_folder, require_hub, save_to_folder
from semore_gym.policies import VisualSAC
from semore_gym.utils.downloads import asking_hub


def push_to_hub(
    model: VisualSAC, repo_id: str, *, private: bool = False, token: str | None = None, **kwargs: Any
) -> str:
    """Put an agent on the hub, as one commit.

    Args:
        model: The agent.
        repo_id: `user/name`; made if it does not exist.
        private: Whether a repository that is made here is private.
        token: Of the user; None is the one of `hf auth login` or the variable HF_TOKEN.
        **kwargs: `env`, `evaluation` and `video` of `save_to_folder`.

    Returns:
        Address of the commit.

    Raises:
        ValueError: If the hub refuses, or as `save_to_folder` does.
        ModuleNotFoundError: If huggingface_hub is missing.
    """
    require_hub()
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    api = HfApi(token=token)
    with tempfile.TemporaryDirectory() as folder:
        save_to_folder(model, folder, repo_id=repo_id, **kwargs)
        try:
            api.create_repo(repo_id, private=private, exist_ok=True)
            commit = api.upload_folder(repo_id=repo_id, folder_path=folder, commit_message="Share an agent")
        except HfHubHTTPError as error:
            raise ValueError(f"{repo_id} cannot be pushed: {error}") from error
    return str(commit.commit_url)


def exists_on_hub(repo_id: str, *, token: str | None = None) -> bool:
    """Whether there is such a repository, as far as the user may see it; arguments as in `push_to_hub`.

    Raises:
        ValueError: If the hub cannot say.
        ModuleNotFoundError: If huggingface_hub is missing.
    """
    require_hub()
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return HfApi(token=token).repo_exists(repo_id)
    except HfHubHTTPError as error:
        raise ValueError(f"{repo_id} cannot be looked up: {error}") from error


def load_from_hub(
    repo_id: str,
    env: GymEnv | None = None,
    device: str = "auto",
    revision: str | None = None,
    token: str | None = None,
) -> VisualSAC:
    """Download an agent, or take it from the cache, and load it as `load_from_folder` does.

    Args:
        repo_id: `user/name`.
        env: To train on; None where it only acts.
        device: Where the networks go.
        revision: Branch, tag or commit; None is the newest.
        token: As in `push_to_hub`.

    Raises:
        ValueError: If there is no such agent, or as `load_from_folder` does.
        ModuleNotFoundError: If huggingface_hub is missing.
    """
    return load_from_folder(download(repo_id, revision, token), env, device)


def download(repo_id: str, revision: str | None = None, token: str | None = None) -> Path:
    """Download the two files of an agent that loading reads; the arguments are `load_from_hub`'s."""
    require_hub()
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        with asking_hub(repo_id):
            folder = Path(hf_hub_download(repo_id, CONFIG, revision=revision, token=token)).parent
            # the folder's name is the commit: the tensors are those that belong to this config
            hf_hub_download(repo_id, WEIGHTS, revision=folder.name, token=token)
    except LocalEntryNotFoundError as error:
        raise ValueError(
            f"{repo_id} cannot be downloaded: the hub does not answer, and its cache here has no such files "
            f"(where there is a network, `hf download {repo_id}` fetches them)"
        ) from error
    except HfHubHTTPError as error:
        raise ValueError(f"{repo_id} cannot be downloaded: {error}") from error
    return folder
