import pytest

import semore_gym


@pytest.fixture(scope="session")
def driving_env():
    """Makes a small driving environment; all are closed at the end."""
    made = []

    def make(size: int = 48):
        made.append(semore_gym.make_env("SemoreCarla-HighWay-v0", image_size=size, max_ticks=40))
        return made[-1]

    yield make
    for env in made:
        env.close()
