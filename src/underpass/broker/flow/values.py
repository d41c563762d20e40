"""The private values that a run has read, found again in what it sends."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import Lock, RLock
from typing import Any, Final

import orjson

from underpass.broker.flow.fingerprints import STRIDE, Fingerprints, fingerprint, pieces
from underpass.broker.flow.telling import RUN, is_code, is_word, says_something
from underpass.broker.flow.text import leaves, normalised, number, numbers, variants
from underpass.catalog import ToolDefinition

WAITING: Final = 1 << 20
"""Bytes of results that may wait until somebody looks for them: most runs send nothing to anyone."""
_PIECE: Final = 1 << 14
"""Characters of an argument that are looked at together."""
_LEAST_RUN: Final = RUN - 2 * (STRIDE - 1)
"""What is seen at least of a run of running words, of which each fourth piece is known."""


@dataclass(frozen=True, slots=True)
class Match:
    """A private value in the arguments of a call. The value itself is nowhere in it."""

    source: str
    """Where it came from: ``gmail.read_mail at messages[].body``."""
    argument: str
    """Where it stands now: ``text``."""


class PrivateValues:
    """The private values of a run, or of the runs of a session.

    Results are kept as they came until somebody looks for them, and then as fingerprints. Thread-safe.

    Parameters:
        size: characters from which a whole text, or a piece that is like a code, is recognised; running words
            from ``RUN`` on.
    """

    def __init__(self, size: int) -> None:
        self.prints = Fingerprints(size)
        self.any = False
        """Whether there was a result at all."""
        self._waiting: list[tuple[str, str, bytes]] = []
        self._bytes = 0
        self._door = Lock()
        self._at_work = RLock()

    def add(self, server: str, tool: str, encoded: bytes) -> None:
        """Note what a tool gave, as JSON."""
        self.any = True
        if self.prints.stride:
            with self._door:
                self._waiting.append((server, tool, encoded))
                self._bytes += len(encoded)

    @property
    def waiting(self) -> int:
        """Bytes of results that are kept as they came."""
        return self._bytes

    @property
    def is_busy(self) -> bool:
        """Whether another thread works on them."""
        if self._at_work.acquire(blocking=False):
            self._at_work.release()
            return False
        return True

    @contextmanager
    def settled(self) -> Generator[Fingerprints]:
        """Keep fingerprints alone, and give them; nothing is added meanwhile."""
        with self._at_work:
            self.settle()
            yield self.prints

    def settle(self) -> None:
        """Keep fingerprints alone. It may take a second: call it in a thread."""
        prints = self.prints
        with self._at_work:
            with self._door:
                waiting, self._waiting, self._bytes = self._waiting, [], 0
            for server, tool, encoded in waiting:
                for path, value in leaves(orjson.loads(encoded)):
                    place = f"{server}.{tool} at {path}"
                    if (found := number(value)) is not None:
                        prints.add_number(server, place, found)
                    if isinstance(value, str) and _may_have(value, prints.size):
                        prints.add_text(server, place, normalised(value))


def find(values: Iterable[PrivateValues], tool: ToolDefinition, arguments: Mapping[str, Any]) -> Match | None:
    """Return where the first private value stands that another server gave; None where there is none.

    What the tool's own definition says is no secret of anyone's, and what its server gave it knows.
    """
    # Always in the same order: who waits for one must not hold another that is waited for.
    known = sorted({id(each): each for each in values if each.any}.items())
    if not known:
        return None
    with ExitStack() as stack:
        search = _Search([stack.enter_context(each.settled()) for _, each in known], tool)
        for path, value in leaves(dict(arguments), every_key=True):
            if (source := search.source(value)) is not None:
                return Match(source, path)
    return None


class _Search:
    def __init__(self, known: list[Fingerprints], tool: ToolDefinition) -> None:
        self._known = known
        self._tool = tool
        self._size = known[0].size
        self._definition: str | None = None

    def source(self, value: str | float) -> str | None:
        """Return where a value, or a part of it, came from."""
        if not isinstance(value, str):
            whole = number(value)
            return None if whole is None else self._number(whole)
        for text in variants(value):
            for found in numbers(text):
                if (source := self._number(found)) is not None:
                    return source
            if _may_have(text, self._size) and (source := self._text(normalised(text))) is not None:
                return source
        return None

    def _number(self, number: str) -> str | None:
        one = [fingerprint(f"#{number}")]
        for prints in self._known:
            for _, source in prints.hits(one, unless=self._tool.server):
                return source
        return None

    def _text(self, text: str) -> str | None:
        size = self._size
        overlap = RUN + size
        for begin in range(0, max(1, len(text) - overlap), _PIECE):
            part = text[begin : begin + _PIECE + overlap]
            of_part = pieces(part, size)
            for prints in self._known:
                if (source := self._source(prints, part, of_part)) is not None:
                    return source
        return None

    def _source(self, prints: Fingerprints, text: str, of_text: list[int]) -> str | None:
        begins: dict[int, int] = {}
        for at, source in prints.hits(of_text, unless=self._tool.server):
            end = at + self._size
            # A run goes on where the piece before it is known that was remembered together with this one.
            before = (begins[at - step] for step in prints.strides if at - step in begins)
            begin = begins[at] = next(before, at)
            if (
                (end - begin >= _LEAST_RUN and self._is_news(text[begin:end]))
                or (is_code(text, at, end) and self._is_news(text[at:end]))
                or self._whole(prints, text, at)
            ):
                return source
        return None

    def _whole(self, prints: Fingerprints, text: str, at: int) -> bool:
        """Whether all of a text that was given begins here."""
        for end in range(at + self._size, min(len(text), at + RUN) + 1):
            piece = text[at:end]
            if (
                not is_word(piece)
                and prints.is_whole(piece, unless=self._tool.server)
                and self._is_news(piece)
            ):
                return True
        return False

    def _is_news(self, piece: str) -> bool:
        """Whether a piece says something that the tool's own definition does not."""
        if not says_something(piece):
            return False
        if self._definition is None:
            tool = self._tool
            said = orjson.dumps([tool.title, tool.description, tool.input_schema]).decode()
            self._definition = normalised(said)
        return piece not in self._definition


def _may_have(text: str, size: int) -> bool:
    """Whether a text can be so long when it is normalised; one character of other scripts can be several."""
    return len(text) >= size or not text.isascii()
