"""Fields of results whose whole values are personal, by name or path."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_MORE: Final = "."


class Fields:
    """Some fields: ``email`` is every field of that name, ``owner.name`` one directly in an ``owner``.

    Lists on the way do not count: ``rows.phone`` is the ``phone`` of each of the ``rows``.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        # A key with a dot in it is found as well: it looks like the path.
        self._ends = tuple(f"{_MORE}{path}" for path in paths)
        self._names = frozenset(path.rpartition(_MORE)[2] for path in self._ends)
        self._longest = max(map(len, self._ends))

    def below(self, path: str, key: str) -> str:
        """Return the path of a value; no more of its end than matters, however deep it is."""
        return f"{path}{_MORE}{key}"[-self._longest :]

    def named(self, path: str, key: str) -> bool:
        """Whether the value of ``key``, of which ``path`` is the path, is one of the fields."""
        return key.rpartition(_MORE)[2] in self._names and path.endswith(self._ends)
