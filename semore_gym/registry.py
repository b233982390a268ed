"""Name -> class tables that import a class only when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Generic, TypeVar, cast

T = TypeVar("T")


class Registry(Mapping[str, str], Generic[T]):
    """A table from a name to where its class lives, written `"module:Class"`.

    Iterating gives the names, indexing gives the entry string, `load` imports the class. To add to the
    project is to add one line to a table; to add from outside is one call of `register`. A name may be
    preceded by the module that registers it, `"my_module:name"`, as gymnasium has it for environments: that
    module is imported first, also in another process.

    Args:
        kind: What the table holds, in the singular; error messages use it.
        entries: The table.

    Example:
        >>> from semore_gym.scenarios import SCENARIOS
        >>> SCENARIOS.load("HighWay").__name__
        'HighWay'
    """

    def __init__(self, kind: str, entries: Mapping[str, str]) -> None:
        self.kind = kind
        self._entries = dict(entries)

    def __getitem__(self, name: str) -> str:
        name = import_prefix(self.kind, name)
        if name not in self._entries:
            raise ValueError(f"unknown {self.kind} {name!r}; known: {', '.join(sorted(self._entries))}")
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def register(self, name: str, entry: str) -> None:
        """Add `name` to the table.

        Args:
            name: The new name.
            entry: Where its class lives, `"module:Class"`.

        Raises:
            ValueError: If the name is taken by another entry or the entry is not of that form.
        """
        if entry.count(":") != 1:
            raise ValueError(f"entry of {self.kind} {name!r} must be 'module:Class', got {entry!r}")
        if self._entries.get(name, entry) != entry:
            raise ValueError(f"{self.kind} {name!r} is registered already, as {self._entries[name]!r}")
        self._entries[name] = entry

    def load(self, name: str) -> type[T]:
        """Import and return the class called `name`.

        Raises:
            ValueError: If the name is unknown (the message lists the known ones) or the module in front of it
                cannot be found.
        """
        module, _, attribute = self[name].partition(":")
        return cast("type[T]", getattr(import_module(module), attribute))


def import_prefix(kind: str, name: str) -> str:
    """Import the module that a name begins with, if any, and return what follows it.

    Args:
        kind: What is named, for the message.
        name: `"name"` or `"my_module:name"`.

    Raises:
        ValueError: If there is no such module.
    """
    module, _, alone = name.rpartition(":")
    if module:
        try:
            import_module(module)
        except ModuleNotFoundError as error:
            raise ValueError(f"{kind} {name!r} cannot be imported: {error}") from error
    return alone
