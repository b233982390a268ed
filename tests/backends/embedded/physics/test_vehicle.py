import math

import numpy as np
import pytest

from semore_gym.backends.base import Control
from semore_gym.backends.embedded.physics.vehicle import MAX_STEER, WHEELBASE, drive_force, steer_limit

KMH_100 = 100 / 3.6


def drive(world, control, ticks):
    for _ in range(ticks):
        world.tick(control)


def reach(world, speed, steer=0.0):
    while world.ego.speed < speed:
        world.tick(Control(steer, throttle=1.0))


def sideslip(ego):
    """Angle between where the car points and where it goes [rad]."""
    return math.remainder(math.atan2(ego.velocity[1], ego.velocity[0]) - ego.yaw, math.tau)


def test_stands_still_without_being_told_to_move(make_world):
    world = make_world()
    x = world.ego.x
    for control in (Control(brake=1.0), Control()):
        drive(world, control, 60)
        assert world.ego.speed < 1e-3
    assert abs(world.ego.x - x) < 1e-3
    assert abs(world.ego.z) < 0.02


def test_reaches_100_kmh_in_6_to_9_s(make_world):
    world = make_world()
    reach(world, KMH_100)
    assert 6.0 <= world.frame * 0.05 <= 9.0


def test_full_brake_from_100_kmh_takes_36_to_45_m(make_world):
    world = make_world()
    reach(world, KMH_100)
    start = world.ego.x
    while world.ego.speed > 0.01:
        world.tick(Control(brake=1.0))
    assert 36.0 <= world.ego.x - start <= 45.0
    assert abs(world.ego.y - world.users.t[-1]) < 0.1


def test_brake_never_reverses(make_world):
    world = make_world()
    reach(world, 5.0)
    drive(world, Control(brake=1.0), 40)
    stopped = world.ego.x
    drive(world, Control(brake=1.0), 40)
    assert world.ego.x == pytest.approx(stopped, abs=1e-3)


def test_full_throttle_for_an_episode_does_not_reach_the_end_of_the_road(make_world):
    world = make_world(s=0.0)
    drive(world, Control(throttle=1.0), 1000)
    assert world.users.s[-1] < 2500.0


def test_turns_at_0_3_g_without_sliding(make_world):
    world = make_world()
    reach(world, 20.0)
    wheel = math.atan(WHEELBASE * 0.3 * 9.81 / world.ego.speed**2)
    steer = -wheel / steer_limit(world.ego.speed)
    yaw = world.ego.yaw
    for _ in range(40):
        world.tick(Control(steer, throttle=0.1))
        assert abs(sideslip(world.ego)) < math.radians(1.5)
    lateral = world.ego.speed * (world.ego.yaw - yaw) / 2.0
    assert lateral == pytest.approx(0.3 * 9.81, rel=0.15)


@pytest.mark.parametrize("seed", range(5))
def test_random_driving_never_rolls_the_car_over(make_world, seed):
    world = make_world(on="highway", lane=-2)
    rng = np.random.default_rng(seed)
    reach(world, 25.0)
    for _ in range(50):
        control = Control(float(rng.uniform(-1, 1)), throttle=float(rng.uniform(0, 1)))
        for _ in range(4):
            world.tick(control)
            if world.contact:  # with a barrier
                return
            assert abs(world.ego.roll) < math.radians(5)
            assert abs(world.ego.pitch) < math.radians(5)


def test_steer_to_the_left_is_negative(make_world):
    left, right = make_world(), make_world()
    for world, steer in ((left, -0.5), (right, 0.5)):
        drive(world, Control(steer, throttle=0.5), 30)
    assert left.ego.yaw > 0.01 > -0.01 > right.ego.yaw
    assert left.ego.y > right.ego.y


def test_steer_limit_is_the_bicycle_models_angle():
    assert steer_limit(0.0) == steer_limit(3.0) == MAX_STEER
    speeds = np.linspace(8.0, 50.0, 20)
    lateral = [v * v * math.tan(steer_limit(v)) / WHEELBASE for v in speeds]
    np.testing.assert_allclose(lateral, 7.0)


def test_drive_force_falls_with_speed_and_pedals_oppose():
    forces = [drive_force(1.0, 0.0, v) for v in (0.0, 10.0, 20.0, 30.0, 40.0, 49.0)]
    assert forces == sorted(forces, reverse=True)
    assert forces[-1] > 0.0 > drive_force(1.0, 0.0, 51.0)
    assert drive_force(0.0, 1.0, 10.0) < drive_force(1.0, 1.0, 10.0) < 0.0
