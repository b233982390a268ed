import dataclasses
import json

import pytest

from semore_gym.config import EnvConfig, TrainConfig


def test_json_gives_the_same_config_back():
    config = TrainConfig(
        weather="hard_rain",
        scenario_options={"vehicles": 4},
        algo_options={"gamma": 0.98},
        threads=2,
        shifts=["midnight", "JayWalk"],
    )
    assert TrainConfig.from_json(config.to_json()) == config


def test_a_field_that_is_missing_has_its_default():
    found = TrainConfig.from_json('{"seed": 3}')
    assert found == TrainConfig(seed=3, exploration_fraction=None)  # noise lasted, before there was the field


def test_a_config_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        EnvConfig().frames = 4  # type: ignore[misc]


def test_unknown_fields_are_refused_and_the_known_ones_listed():
    with pytest.raises(ValueError, match=r"unknown TrainConfig fields: gama; known: .*seed") as error:
        TrainConfig.from_json('{"gama": 0.9}')
    assert "algo_options" in str(error.value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"steps": "many"}, "steps must be of type int, got 'many'"),
        ({"steps": True}, "steps must be of type int, got True"),
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"frame_skip": 0}, "frame_skip must be at least 1"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"threads": 0}, "threads must be at least 1"),
        ({"weather": 3}, "weather must be of type str or None, got 3"),
        ({"preset": "big"}, "preset must be one of paper, light, lighter, got 'big'"),
        ({"shifts": "hard_rain"}, "shifts must be of type list, got 'hard_rain'"),
        ({"shifts": ["JayWalk", 3]}, "an entry of shifts must be of type str, got 3"),
        ({"shifts": ["JayWalk", "JayWalk"]}, "shifts must be different places"),
        ({"algo_options": [1]}, "algo_options must be of type dict"),
        ({"env_options": {"weather": "midnight"}}, "set the fields of these names"),
    ],
)
def test_wrong_values_name_the_field_and_what_is_expected(values, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig.from_json(json.dumps(values))


def test_a_text_that_is_no_object_is_refused():
    with pytest.raises(ValueError, match="JSON object, got list"):
        TrainConfig.from_json("[]")


def test_the_budget_names_both_units():
    assert TrainConfig().budget() == "110,000 agent steps = 440,000 simulator ticks"
