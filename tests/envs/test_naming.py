import pytest

from semore_gym.config import TrainConfig
from semore_gym.envs.naming import env_id, scenario_and_weather, scenario_name, shifted_config

HIGHWAY = TrainConfig(scenario_options={"vehicles": 4}, seed=5)


def test_a_weather_changes_nothing_else():
    assert shifted_config(HIGHWAY, "hard_rain").to_json() == HIGHWAY.to_json().replace(
        '"weather": null', '"weather": "hard_rain"'
    )


def test_a_scenario_brings_its_own_fields_and_weather():
    shifted = shifted_config(HIGHWAY, "HighBeam")
    assert (shifted.env, shifted.scenario_options, shifted.seed) == ("SemoreCarla-HighBeam-v0", {}, 5)
    assert scenario_and_weather(shifted) == ("HighBeam", "midnight")
    assert scenario_and_weather(HIGHWAY) == ("HighWay", "cloudy_noon")


def test_a_weather_that_was_asked_for_holds_in_the_other_scenario_too():
    rainy = TrainConfig(weather="hard_rain")
    assert scenario_and_weather(shifted_config(rainy, "JayWalk")) == ("JayWalk", "hard_rain")


@pytest.mark.parametrize("shift", ["HighWay", "cloudy_noon"])
def test_where_the_training_is_is_not_elsewhere(shift):
    with pytest.raises(ValueError, match=f"elsewhere than the training, got '{shift}'"):
        shifted_config(TrainConfig(), shift)


def test_unknown_shifts_are_refused_and_the_known_ones_listed():
    with pytest.raises(
        ValueError, match=r"unknown shift 'Mars'; known: weathers .*hard_rain.*; scenarios .*JayWalk"
    ):
        shifted_config(TrainConfig(), "Mars")
    with pytest.raises(ValueError, match="shift 'nowhere_to_find:Mars' cannot be imported"):
        shifted_config(TrainConfig(), "nowhere_to_find:Mars")


@pytest.mark.parametrize(
    ("scenario", "env"), [("JayWalk", "SemoreCarla-JayWalk-v0"), ("json:Farm", "json:SemoreCarla-Farm-v0")]
)
def test_names_of_scenarios_and_environments_lead_to_each_other(scenario, env):
    assert env_id(scenario) == env
    assert scenario_name(env) == scenario.removeprefix("json:")
