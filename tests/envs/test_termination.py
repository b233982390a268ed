from dataclasses import replace

import pytest

from semore_gym.backends.base import Tick
from semore_gym.envs.termination import EndRules

MOVING = Tick(0, 10.0, 10.0, 0.0, 0.0, 0.0, 0, 0.0, False, 0.0, False, 2.0, 2.0, 50.0, 9.0)


def rules(max_ticks: int = 1000, walker_hit_ends: bool = True) -> EndRules:
    return EndRules(max_ticks, dt=0.05, walker_hit_ends=walker_hit_ends)


def first_end(rule: EndRules, tick: Tick, ticks: int) -> tuple[int, str]:
    for i in range(1, ticks + 1):
        if reason := rule(tick):
            return i, reason
    return ticks, ""


def test_horizon_after_max_ticks():
    assert first_end(rules(max_ticks=30), MOVING, 100) == (30, "horizon")


def test_collision_needs_twenty_ticks_of_contact_in_a_row():
    touching = replace(MOVING, contact=True)
    assert first_end(rules(), touching, 100) == (20, "collision")
    rule = rules()
    assert first_end(rule, touching, 19) == (19, "")
    assert rule(MOVING) == ""
    assert first_end(rule, touching, 19) == (19, "")


@pytest.mark.parametrize(("speed", "ends"), [(0.9, ""), (1.1, "collision")])
def test_hitting_a_person_ends_at_once(speed, ends):
    assert rules()(replace(MOVING, contact=True, person_hit_speed=speed)) == ends


def test_the_papers_rule_goes_on_after_hitting_a_person():
    assert rules(walker_hit_ends=False)(replace(MOVING, contact=True, person_hit_speed=9.0)) == ""


def test_off_road_ends_at_once():
    assert rules()(replace(MOVING, off_road=True)) == "off_road"


def test_stuck_after_five_seconds_of_standing_in_a_row():
    standing = replace(MOVING, speed=0.01)
    assert first_end(rules(), standing, 200) == (100, "stuck")
    rule = rules()
    assert first_end(rule, standing, 99) == (99, "")
    assert rule(replace(MOVING, speed=0.03)) == ""
    assert first_end(rule, standing, 200) == (100, "stuck")


def test_waiting_for_less_than_five_seconds_again_and_again_is_no_end():
    rule, creeping = rules(), replace(MOVING, speed=0.25)
    for _ in range(9):
        assert first_end(rule, replace(MOVING, speed=0.0), 99) == (99, "")
        assert rule(creeping) == ""
