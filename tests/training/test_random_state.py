import json
import random

import numpy as np
import torch

from semore_gym.training.random_state import preserved, random_state, restore_random_state


def draws() -> list[float]:
    return [random.random(), random.gauss(), np.random.rand(), np.random.randn(), torch.rand(1).item()]


def test_a_state_that_went_through_json_brings_the_same_draws_back():
    draws()  # leaves half of a pair of normal numbers in python's and numpy's generators
    state = json.loads(json.dumps(random_state()))
    expected = [draws() for _ in range(3)]
    draws()
    restore_random_state(state)
    assert [draws() for _ in range(3)] == expected


def test_preserved_leaves_the_generators_as_they_were():
    torch.manual_seed(0)
    with preserved():
        first = draws()
    assert draws() == first
