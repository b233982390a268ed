import numpy as np
import pytest

from semore_gym.backends.base import Control
from semore_gym.scenarios.base import Actor, Cross, Stand

WALKER = "walker.pedestrian.0001"
KERB = 6.2  # edge of the sidewalk [m]


def walker(s, speed=2.0, probability=0.5, lane=-3, offset=0.85):
    return Actor(WALKER, lane, s, Cross(speed, probability), offset=offset)


def track(world, ticks, control=None):
    """Offsets of everybody but the ego, tick by tick, (ticks, N)."""
    path = []
    for _ in range(ticks):
        world.tick(control or Control(brake=1.0))
        path.append(world.users.t[:-1].copy())
    return np.array(path)


def test_walks_at_its_speed_from_kerb_to_kerb_and_back(make_world):
    path = track(make_world(walker(200.0, speed=2.5, probability=1.0)), 600)[:, 0]
    steps = np.diff(path)
    moving = steps[np.abs(steps) > 1e-9]
    assert path[0] < -KERB
    assert path.max() > KERB
    assert (path[300:] < -KERB).any()  # turned round
    np.testing.assert_allclose(np.percentile(np.abs(moving), [10, 90]), 2.5 * 0.05)
    assert np.abs(path).max() < KERB + 1.0


def test_each_second_half_of_those_who_wait_set_off(make_world):
    world = make_world(*(walker(100.0 + 2 * i, speed=0.5) for i in range(200)))
    path = track(world, 60)
    gone = np.abs(path - path[0]) > 1e-9
    shares = [gone[20 * k - 1].mean() for k in (1, 2, 3)]
    np.testing.assert_allclose(shares, [0.5, 0.75, 0.875], atol=0.11)


@pytest.mark.parametrize(("probability", "moves"), [(0.0, False), (1.0, True)])
def test_the_chance_to_set_off_is_an_option(make_world, probability, moves):
    path = track(make_world(walker(100.0, probability=probability)), 40)
    assert (np.ptp(path) > 0.0) == moves


def test_whoever_stands_never_moves(make_world):
    path = track(make_world(Actor(WALKER, -3, 100.0, Stand(), offset=0.85)), 300)
    assert np.ptp(path) == 0.0


def test_whoever_starts_on_the_road_is_crossing(make_world):
    path = track(make_world(walker(100.0, probability=0.0, lane=-1, offset=0.0)), 20)
    assert np.ptp(path) == pytest.approx(19 * 2.0 * 0.05)


def test_nobody_looks_out_for_the_ego(make_world):
    # the ego arrives while somebody is on the way over: they walk on and are hit
    world = make_world(walker(40.0, speed=1.0, probability=1.0))
    while world.users.s[-1] < 30.0:
        track(world, 1, Control(throttle=0.5 if world.users.t[0] > -4.5 else 0.0))
    assert world.users.across[0] != 0.0


def test_nobody_walks_into_the_side_of_a_standing_car(make_world):
    world = make_world(*(walker(s, speed=3.0, probability=1.0) for s in (8.5, 9.5, 10.5, 11.5)), s=10.0)
    for _ in range(200):
        world.tick(Control(brake=1.0))
        assert not world.contact
    flank = world.users.t[-1] - world.users.half_width[-1]
    assert (world.users.t[:-1] < flank).all()
    assert (world.users.t[:-1] > flank - 1.0).all()


def test_walkers_face_the_way_they_go(make_world):
    world = make_world(walker(100.0, probability=1.0))
    track(world, 40)
    assert world.users.across[0] > 0.0
    assert world.actor_states()[1][0].heading == pytest.approx(np.pi / 2)
    assert world.actor_states()[1][0].moving
