import inspect

import pytest

from semore_gym.utils.signatures import check_names, keywords


class Base:
    def __init__(self, size, speed=2, **kwargs):
        pass


class Middle(Base):
    pass


class Leaf(Middle):
    def __init__(self, *args, speed=3, colour="red", **kwargs):
        pass


class Closed(Leaf):
    def __init__(self, name="x"):
        pass


def test_keywords_go_up_to_the_bases_as_far_as_kwargs_do():
    assert keywords(Leaf) == {"speed": 3, "colour": "red", "size": inspect.Parameter.empty}
    assert keywords(Middle) == keywords(Base)
    assert keywords(Closed) == {"name": "x"}
    assert keywords(object) == {}
    assert list(keywords(Closed, Base)) == ["name", "size", "speed"]


def test_unknown_names_are_listed_with_the_known_ones():
    check_names("colours", {"red": 1}, ["blue", "red"])
    with pytest.raises(ValueError, match=r"^unknown colours: green, rot; known: blue, red$"):
        check_names("colours", ["rot", "green"], ["blue", "red"])


def test_what_was_meant_is_suggested():
    with pytest.raises(ValueError, match=r"known: gamma, seed, tau; did you mean gamma\?$"):
        check_names("options", ["gama", "x"], ["gamma", "seed", "tau"])
