"""Initialisation and small networks that every method shares."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn


def initialise(root: nn.Module) -> None:
    """Draw every convolution and linear layer orthogonally and set biases to zero, in place.

    The gain is sqrt(2) for a layer that a ReLU follows in its `nn.Sequential` and 1 elsewhere (Saxe 2014).

    Args:
        root: The module whose layers are drawn, itself included.
    """
    before_relu = {
        layer
        for module in root.modules()
        if isinstance(module, nn.Sequential)
        for layer, after in pairwise(module)
        if isinstance(after, nn.ReLU)
    }
    for module in root.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            nn.init.orthogonal_(module.weight, gain=2**0.5 if module in before_relu else 1.0)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def prediction_head(inputs: int, outputs: int, hidden: int = 512) -> nn.Sequential:
    """Build DeepMDP's prediction head: Linear, LayerNorm, ReLU, Linear (Gelada 2019).

    Args:
        inputs: Width of the input, features and action together.
        outputs: Width of the prediction.
        hidden: Width of the hidden layer.

    Returns:
        A network from (B, inputs) float32 to (B, outputs) float32.
    """
    head = nn.Sequential(
        nn.Linear(inputs, hidden), nn.LayerNorm(hidden), nn.ReLU(), nn.Linear(hidden, outputs)
    )
    initialise(head)
    return head


@torch.no_grad()
def update_average(source: nn.Module, target: nn.Module, tau: float) -> None:
    """Move `target` towards `source` by an exponential moving average, in place.

    target <- (1 - tau) target + tau source, parameter by parameter.

    Args:
        source: The online network.
        target: Its slow copy.
        tau: How far to move, in [0, 1].
    """
    for online, slow in zip(source.parameters(), target.parameters(), strict=True):
        slow.lerp_(online, tau)
