"""When an episode ends, and why."""

from __future__ import annotations

from dataclasses import dataclass, field

from semore_gym.backends.base import Tick

STUCK_SPEED = 0.02  # [m/s]
STUCK_TIME = 5.0  # slower than that without a break, that makes it stuck [s]
CONTACT_TICKS = 20  # in a row, that make a collision
PERSON_SPEED = 1.0  # above which running into a walker or rider ends the episode [m/s]

TRUNCATIONS = frozenset({"horizon", "simulator_error"})


@dataclass
class EndRules:
    """Watches one episode and names the reason when it ends.

    Args:
        max_ticks: Length of an episode that nothing else ends.
        dt: Duration of a tick [s].
        walker_hit_ends: Whether running into a person at more than 1 m/s ends it; without this a hit costs
            less reward than a second of braking. False gives the papers' rule.
    """

    max_ticks: int
    dt: float
    walker_hit_ends: bool
    ticks: int = field(default=0, init=False)
    contact_ticks: int = field(default=0, init=False)
    standing_ticks: int = field(default=0, init=False)

    def __call__(self, tick: Tick) -> str:
        """Count one tick.

        Returns:
            "collision", "off_road", "stuck", "horizon", or "" while the episode goes on.
        """
        self.ticks += 1
        self.contact_ticks = self.contact_ticks + 1 if tick.contact else 0
        self.standing_ticks = self.standing_ticks + 1 if tick.speed < STUCK_SPEED else 0
        if self.contact_ticks >= CONTACT_TICKS:
            return "collision"
        if self.walker_hit_ends and tick.person_hit_speed > PERSON_SPEED:
            return "collision"
        if tick.off_road:
            return "off_road"
        if self.standing_ticks >= round(STUCK_TIME / self.dt):
            return "stuck"
        return "horizon" if self.ticks >= self.max_ticks else ""
