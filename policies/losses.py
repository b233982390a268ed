"""The losses as pure functions of tensors."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor


def soft_target(
    rewards: Tensor,
    dones: Tensor,
    discounts: Tensor,
    next_q: Tensor,
    next_log_prob: Tensor,
    temperature: Tensor,
) -> Tensor:
    """Compute SAC's bootstrapped target y = r + (1 - d) gamma^n (min_i Q'_i - alpha log pi) (Eq. 10).

    Args:
        rewards: n-step returns, (B, 1).
        dones: 1 where the state after the n steps is terminal, (B, 1).
        discounts: gamma to the number of steps taken, (B, 1).
        next_q: The target critics' values, (B, n_critics).
        next_log_prob: log pi(a' | o'), (B, 1).
        temperature: alpha, one element.

    Returns:
        y, (B, 1).
    """
    value = next_q.min(dim=1, keepdim=True).values - temperature * next_log_prob
    return rewards + (1.0 - dones) * discounts * value


def critic_loss(q: Tensor, target: Tensor) -> Tensor:
    """Sum over critics of the mean squared Bellman error (Eq. 10).

    Args:
        q: (B, n_critics).
        target: (B, 1), a constant.

    Returns:
        A scalar.
    """
    return (q - target).square().mean(dim=0).sum()


def actor_loss(log_prob: Tensor, q: Tensor, temperature: Tensor) -> Tensor:
    """Compute mean(alpha log pi - min_i Q_i) (Haarnoja 2018).

    Args:
        log_prob: log pi(a | o), (B, 1).
        q: The critics' values of the same actions, (B, n_critics).
        temperature: alpha, one element.

    Returns:
        A scalar.
    """
    return (temperature * log_prob - q.min(dim=1, keepdim=True).values).mean()


def temperature_loss(log_temperature: Tensor, log_prob: Tensor, target_entropy: float) -> Tensor:
    """Compute -log alpha * mean(log pi + target entropy), which only the temperature's gradient enters.

    Args:
        log_temperature: log alpha, one element.
        log_prob: log pi(a | o), (B, 1), a constant.
        target_entropy: In nats, normally minus the number of action dimensions.

    Returns:
        A scalar.
    """
    return -(log_temperature * (log_prob + target_entropy)).mean()


def semantic_guidance_loss(semantic: Tensor, knowledge: Tensor) -> tuple[Tensor, Tensor]:
    """Compute L_S-G = mean over samples of ||F_s - H^||_1 / ||H^||_1 (Eq. 5).

    The gradient flows through H^ in the numerator and in the denominator, as Eq. 5 says. Without biases F_s
    and H^ are homogeneous in the kernels that they share, so that the loss does not change when these are
    scaled; with a constant H^ it would pull F_s to zero. The denominator is clamped from below at 1e-3 times
    the number of elements of F_s: a tiny mask can give an H^ near zero (ours).

    Args:
        semantic: F_s of the samples that have a mask, (M, C, h, w), before the interaction; M may be 0.
        knowledge: H^ of the same samples, (M, C, h, w), with gradient.

    Returns:
        The loss, a scalar, exactly 0 for M = 0; and how many denominators were clamped, a scalar.
    """
    difference = (semantic - knowledge).abs().flatten(1).sum(dim=1)  # (M,)
    size = knowledge.abs().flatten(1).sum(dim=1)  # (M,)
    least = 1e-3 * semantic[:1].numel() if len(semantic) else 1.0
    ratio = difference / size.clamp(min=least)
    return ratio.sum() / max(len(semantic), 1), (size < least).sum()


def transition_loss(
    predicted: Tensor, following: Tensor, reduction: Literal["mean", "sum"] = "mean"
) -> Tensor:
    """Compute L_trans, the squared error of predicted motion features (Eq. 8).

    Args:
        predicted: P_m(f_m,t ; a_t), (B, D).
        following: f_m,t+1, (B, D); a constant here.
        reduction: Over a sample's components; `sum` is Eq. 8 to the letter. Over the batch it is the mean.

    Returns:
        A scalar.
    """
    error = (predicted - following.detach()).square()
    return (error.sum(dim=1) if reduction == "sum" else error.mean(dim=1)).mean()


def reward_loss(predicted: Tensor, rewards: Tensor) -> Tensor:
    """Compute L_R, the mean squared error of predicted rewards (Eq. 9, squared as in DeepMDP).

    Args:
        predicted: R(f_t, a_t), (B, 1).
        rewards: One-step rewards r_{t+1}, (B, 1).

    Returns:
        A scalar.
    """
    return torch.nn.functional.mse_loss(predicted, rewards)
