import sys

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


def test_a_module_in_front_of_the_name_is_imported_first(tmp_path, monkeypatch):
    table = Registry("thing", {})
    monkeypatch.setitem(vars(sys.modules[__name__]), "TABLE", table)
    monkeypatch.syspath_prepend(tmp_path)
    line = f"import sys; sys.modules[{__name__!r}].TABLE.register('mine', __name__ + ':Mine'); Mine = dict"
    (tmp_path / "registers_mine.py").write_text(line)
    assert table.load("registers_mine:mine") is dict
    assert table.load("mine") is dict
    with pytest.raises(ValueError, match="thing 'no_such_module:mine' cannot be imported: No module named"):
        table.load("no_such_module:mine")


def test_registering_refuses_bad_and_taken_entries():
    table = Registry("thing", {"a": "x:A"})
    with pytest.raises(ValueError, match="'module:Class'"):
        table.register("b", "x.B")
    with pytest.raises(ValueError, match="registered already"):
        table.register("a", "y:A")
    table.register("a", "x:A")
    table.register("b", "y:B")
    assert table["b"] == "y:B"
