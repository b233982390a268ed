"""Worlds made to order, without a scenario."""

import pytest

from semore_gym.backends.embedded.physics.world import World
from semore_gym.backends.embedded.roads import road
from semore_gym.scenarios.base import Episode, Location, RoadPosition
from semore_gym.scenarios.weather import WEATHERS


@pytest.fixture
def make_world():
    """make_world(*actors, lane=-1, s=10.0, on="street", seed=0) -> World"""
    made = []

    def make(*actors, lane=-1, s=10.0, on="street", seed=0, weather="cloudy_noon"):
        location = Location(on, "none", 0)
        episode = Episode(location, RoadPosition(lane, s), tuple(actors), WEATHERS[weather], seed)
        made.append(World(episode, road(on)))
        return made[-1]

    yield make
    for world in made:
        world.close()
