"""How the convolutions, which are most of the work, are computed."""

from __future__ import annotations

from typing import Literal, get_args

from torch import nn

from semore_gym.policies.encoders.networks import Stem

Acceleration = Literal["off", "bf16", "compile", "compile-bf16"]


def check_acceleration(how: str) -> None:
    """Refuse what is no `Acceleration`.

    Raises:
        ValueError: If it is none.
    """
    if how not in get_args(Acceleration):
        raise ValueError(f"acceleration must be one of {', '.join(get_args(Acceleration))}, got {how!r}")


def accelerate(module: nn.Module, how: Acceleration) -> None:
    """Have a module's convolutions computed in bfloat16 or by torch.compile, both or neither.

    Parameters and results stay float32. A copy of a compiled module is not compiled.

    Args:
        module: Whose `Stem` parts are meant.
        how: The way.
    """
    for stem in module.modules():
        if isinstance(stem, Stem):
            stem.bf16 = "bf16" in how
            if "compile" in how:
                stem.compile()
