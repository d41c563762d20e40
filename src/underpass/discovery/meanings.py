"""What the tools of one index mean: their vectors, as far as those are known."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from underpass.catalog.definition import ToolDefinition
from underpass.discovery.embeddings import Embeddings, digest
from underpass.errors import ConfigError

if TYPE_CHECKING:
    from underpass.discovery.vectors import Nearness

_LONGEST = 600
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BETWEEN = re.compile(r"[\W_]+")


def text_of(tool: ToolDefinition) -> str:
    """Return what stands for a tool: the words of its server and its name, and its description."""
    server = tool.server.rpartition("/")[2]
    return f"{_words(server)} {_words(tool.name)}: {' '.join(tool.description[:_LONGEST].split())}"


class Meanings:
    """The vectors of tools by their numbers. Those not known are asked for, and come in later.

    Parameters:
        embeddings: gives the vectors.
        tool: the definition of a number; KeyError when it has left.

    Raises:
        ConfigError: the extra is not installed.
    """

    def __init__(self, embeddings: Embeddings, tool: Callable[[int], ToolDefinition]) -> None:
        try:
            from underpass.discovery.vectors import VectorMatrix
        except ImportError as error:
            raise ConfigError(
                f"semantic search needs {error.name}", hint="pip install 'underpass[semantic]'"
            ) from error
        self._embeddings = embeddings
        self._tool = tool
        self._matrix = VectorMatrix()
        self._keys: dict[int, bytes] = {}
        self._waiting: dict[bytes, set[int]] = {}
        self._seen = embeddings.since(0)[0]

    def add(self, numbers: Iterable[int], keys: Mapping[int, bytes]) -> None:
        """Enter tools.

        Parameters:
            keys: the digests of their texts, as far as they are known.
        """
        asked: dict[bytes, list[int]] = {}
        for number in numbers:
            key = self._keys[number] = keys.get(number) or digest(text_of(self._tool(number)))
            asked.setdefault(key, []).append(number)
        known = self._embeddings.ask({key: partial(self._text, key, asked[key][0]) for key in asked})
        self._matrix.put({number: vector for key, vector in known.items() for number in asked[key]})
        for key in asked.keys() - known.keys():
            self._waiting.setdefault(key, set()).update(asked[key])

    def remove(self, number: int) -> None:
        """Take a tool out."""
        key = self._keys.pop(number)
        if (waiting := self._waiting.get(key)) is not None:
            waiting.discard(number)
        self._matrix.remove(number)

    def key(self, number: int) -> bytes:
        """The digest of a tool's text."""
        return self._keys[number]

    def near(self, query: str, allowed: Collection[int] | None, most: int) -> Nearness | None:
        """Compare a request with the tools; None while the model or all vectors are missing.

        Parameters:
            allowed: these tools only. Default: all.
            most: how many of the nearest are given.
        """
        self._seen, arrived = self._embeddings.since(self._seen)
        self._matrix.put(
            {number: vector for key, vector in arrived.items() for number in self._waiting.pop(key, ())}
        )
        vector = self._embeddings.query(query) if len(self._matrix) else None
        return None if vector is None else self._matrix.near(vector, allowed, most)

    def _text(self, key: bytes, number: int) -> str | None:
        return text_of(self._tool(number)) if self._keys.get(number) == key else None


def _words(name: str) -> str:
    return _BETWEEN.sub(" ", _HUMP.sub(" ", name)).strip().lower()
