"""A judge that goes by the environment's own measurements instead of a model."""

from __future__ import annotations

from math import isfinite, radians, sin

from semore_gym.judges.base import Question

KEYS = ("time_to_collision", "speed", "heading_error", "edge_left", "edge_right")


class RuleJudge:
    """Calls it unreasonable to accelerate into something close, or to steer off the road.

    The first rule reads `time_to_collision` [s]. The second predicts how far the ego's centre comes to the
    left within `horizon`, y = v sin(psi) t + a t^2 / 2, from `speed` v [m/s], `heading_error` psi [deg,
    positive = turned left] and the lateral acceleration that the action asks for, a = -steer min(v^2 / r, g)
    with the least turning radius r and the tyres' grip g; the road's own bend is left out. It objects when y
    reaches beyond `edge_left` or `edge_right` [m] on the side that the action steers to. A rule whose
    measurements are missing has no objection; a question without any of them fails, and one without info is
    answered "reasonable".

    Args:
        min_time: Below this time to collision throttle is unreasonable [s].
        horizon: How far ahead steering is followed [s].
        radius: Turning radius at full steer and walking pace [m].
        grip: Lateral acceleration at full steer and speed [m/s^2].

    Raises:
        ValueError: If an argument is not a positive number.
    """

    def __init__(
        self, min_time: float = 2.0, horizon: float = 1.0, radius: float = 4.1, grip: float = 7.0
    ) -> None:
        arguments = {"min_time": min_time, "horizon": horizon, "radius": radius, "grip": grip}
        for name, value in arguments.items():
            if not (isfinite(value) and value > 0):
                raise ValueError(f"{name} must be a positive number, got {value!r}")
        self.min_time = min_time
        self.horizon = horizon
        self.radius = radius
        self.grip = grip
        self._answers: list[tuple[int, bool | None]] = []

    def ask(self, question: Question) -> None:
        """Judge the question by its info and its action (steer, throttle)."""
        self._answers.append((question.number, self._judge(question)))

    def verdicts(self) -> list[tuple[int, bool | None]]:
        """Give the answers to all questions since the last call."""
        answers, self._answers = self._answers, []
        return answers

    def _judge(self, question: Question) -> bool | None:
        if question.info is None:
            return True
        measured = {key: float(question.info[key]) for key in KEYS if key in question.info}
        if not measured:
            return None
        steer, throttle = (float(value) for value in question.action[:2])
        return not (self._runs_into(measured, throttle) or self._leaves_road(measured, steer))

    def _runs_into(self, measured: dict[str, float], throttle: float) -> bool:
        return throttle > 0 and measured.get("time_to_collision", float("inf")) < self.min_time

    def _leaves_road(self, measured: dict[str, float], steer: float) -> bool:
        if steer == 0 or any(key not in measured for key in KEYS[1:]):
            return False
        speed = measured["speed"]
        acceleration = -steer * min(speed**2 / self.radius, self.grip)  # left = positive
        heading = sin(radians(measured["heading_error"]))
        left = speed * heading * self.horizon + acceleration * self.horizon**2 / 2
        return left > measured["edge_left"] if steer < 0 else -left > measured["edge_right"]
