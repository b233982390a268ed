"""Modules that torch.compile has wrapped, and the names and parts that they have without that."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, TypeVar

from torch import Tensor, nn

M = TypeVar("M", bound=nn.Module)

WRAPPED = "_orig_mod"  # where torch.compile's wrapper keeps the module


def original(module: M) -> M:
    """Take the module that torch.compile has wrapped; one that is not wrapped is itself."""
    found: M = getattr(module, WRAPPED, module)
    return found


def uncompiled(module: M) -> M:
    """Copy a module without the wrappers on it and its parts."""
    plain = copy.deepcopy(original(module))
    for part in list(plain.modules()):
        for name, child in list(part.named_children()):
            setattr(part, name, original(child))
    return plain


def plain_state(module: nn.Module) -> dict[str, Tensor]:
    """Give a module's tensors by the names that they have without wrappers; no copies."""
    return {_plain(name): tensor for name, tensor in module.state_dict().items()}


def fitting_state(module: nn.Module, state: Mapping[str, Any]) -> dict[str, Any]:
    """Give tensors the names by which a module, wrapped or not, loads them; unknown names stay."""
    names = {_plain(name): name for name in module.state_dict()}
    return {names.get(_plain(name), name): tensor for name, tensor in state.items()}


def _plain(name: str) -> str:
    return name.replace(f"{WRAPPED}.", "")
