import pytest

from semore_gym.registry import Registry


def test_loads_a_class_by_name():
    table = Registry("thing", {"path": "pathlib:PurePosixPath"})
    assert table.load("path")("a/b").name == "b"
    assert list(table) == ["path"]


def test_an_unknown_name_lists_the_known_ones():
    table = Registry("thing", {"b": "x:B", "a": "x:A"})
    with pytest.raises(ValueError, match="unknown thing 'c'; known: a, b"):
        table.load("c")


def test_registering_refuses_bad_and_taken_entries():
    table = Registry("thing", {"a": "x:A"})
    with pytest.raises(ValueError, match="'module:Class'"):
        table.register("b", "x.B")
    with pytest.raises(ValueError, match="registered already"):
        table.register("a", "y:A")
    table.register("a", "x:A")
    table.register("b", "y:B")
    assert table["b"] == "y:B"
