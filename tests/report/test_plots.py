import re

import pytest

from helpers.runs import make_run
from semore_gym.report import plots
from semore_gym.results.read import read_results


@pytest.fixture
def runs(tmp_path):
    """runs(rewards, ends) -> one finished run in a list."""

    def make(rewards, **options):
        path = tmp_path / str(len(list(tmp_path.iterdir())))
        make_run(path, rewards, **options)
        return list(read_results([path]).runs)

    return make


def drawn(svg):
    """How many lines and areas a picture has, and how its colours are called."""
    text = svg.decode()
    areas = len(re.findall(r'id="FillBetweenPolyCollection_\d+"', text))
    return areas, {colour for colour in plots.COLOURS[:-1] if colour.lower() in text}  # axes are black


def test_a_curve_of_several_seeds_has_its_interval_and_of_one_none(runs):
    several = runs({0: [1.0], 10: [4.0]}) + runs({0: [2.0], 10: [9.0]}, seed=1)
    one = runs({0: [3.0], 10: [2.0]})
    svg = plots.learning_curves({"A": several, "B": one}, ["A", "B"], "episode_reward")
    assert drawn(svg) == (1, set(plots.COLOURS[:2]))
    assert drawn(plots.profiles({"A": several, "B": one}, ["A", "B"])) == (1, set(plots.COLOURS[:2]))


def test_a_method_keeps_its_colour_where_others_are_missing(runs):
    svg = plots.learning_curves({"B": runs({0: [1.0], 10: [4.0]})}, ["A", "B"], "distance")
    assert drawn(svg)[1] == {plots.COLOURS[1]}


def test_seeds_without_a_common_stretch_draw_no_curve(runs):
    early = runs({0: [1.0], 10: [4.0]})
    late = runs({20: [1.0], 30: [4.0]}, seed=1)
    svg = plots.learning_curves({"A": early + late}, ["A"], "episode_reward")
    assert drawn(svg) == (0, {plots.COLOURS[0]})  # of the legend


def test_every_end_has_a_bar_known_or_not(runs):
    ended = runs({10: [1.0, 2.0, 3.0]}, ends=("horizon", "simulator_error", "eaten"))
    text = plots.end_reasons({"A": ended}).decode()
    assert "#009e73" in text
    assert "#cc79a7" in text
    assert "#d55e00" not in text


def test_looks_differ_until_there_are_very_many():
    looks = [tuple(plots._look(index).items()) for index in range(56)]
    assert len(set(looks)) == len(looks)
