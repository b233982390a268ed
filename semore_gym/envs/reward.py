"""Rewards of one simulator tick, as named terms and their weighted sum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from semore_gym.backends.base import Control, Tick

Terms = dict[str, float]


def terms(tick: Tick, control: Control, dt: float) -> Terms:
    """Every quantity that some reward weighs, for one tick.

    Args:
        tick: What the simulator reported.
        control: What was applied.
        dt: Duration of the tick [s].

    Returns:
        progress [m], centred_progress [m / (1 + offset in m)], impulse [N*s], lane_invasions, colliding
        (0 or 1), steer and brake (magnitudes in [0, 1]).
    """
    progress = tick.lane_speed * dt
    return {
        "progress": progress,
        "centred_progress": progress / (1.0 + abs(tick.lane_offset)),
        "impulse": tick.impulse,
        "lane_invasions": float(tick.lane_invasions),
        "colliding": float(tick.contact),
        "steer": abs(control.steer),
        "brake": control.brake,
    }


@dataclass(frozen=True)
class Reward:
    """A weighted sum of terms.

    Args:
        weights: Weight of each term; terms that it does not name do not count.
    """

    weights: Mapping[str, float]

    def __call__(self, tick: Tick, control: Control, dt: float) -> Terms:
        """Weighted terms of one tick; their sum is the reward."""
        values = terms(tick, control, dt)
        return {name: weight * values[name] for name, weight in self.weights.items()}


REWARDS: dict[str, Reward] = {
    # ERPV Eq. 15
    "highway": Reward({"progress": 1.0, "impulse": -1e-4, "steer": -1.0}),
    # ERPV Eq. 16
    "jaywalk": Reward({"progress": 1.0, "impulse": -1e-3, "lane_invasions": -1e-2, "steer": -0.1}),
    # Zhang et al. 2020, Deep Bisimulation for Control
    "dbc": Reward({"centred_progress": 1.0, "colliding": -1.0, "brake": -0.1, "steer": -0.1}),
}
