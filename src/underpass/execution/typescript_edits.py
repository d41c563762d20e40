"""A program's text, changed in places without moving a line."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

from tree_sitter import Node

Shift = tuple[int, int, int]
"""A line, a column, and by how many characters what stood behind it is moved on."""


@dataclass(frozen=True, slots=True, order=True)
class _Edit:
    """One change: of those that begin at the same place, the shorter comes first, then the earlier."""

    start: int
    end: int
    number: int
    text: bytes = field(compare=False)
    shift: Shift | None = field(compare=False)


class Edits:
    """Changes of one text. Where one is inside what another replaces, the other counts."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self._edits: list[_Edit] = []
        self._are_sorted = True

    @property
    def shifts(self) -> list[Shift]:
        """Where lines are not what they were, in their order."""
        return sorted(edit.shift for edit in self._within(0, len(self.source)) if edit.shift is not None)

    def insert_before(self, node: Node, text: str) -> None:
        """Put text before a node."""
        self._put(node.start_byte, node.start_byte, text.encode(), node.start_point)

    def insert_after(self, node: Node, text: str) -> None:
        """Put text after a node."""
        self._put(node.end_byte, node.end_byte, text.encode(), node.end_point)

    def replace(self, node: Node, text: str) -> None:
        """Put text in the place of a node, which is on one line."""
        self._put(node.start_byte, node.end_byte, text.encode(), node.end_point)

    def blank(self, node: Node) -> None:
        """Replace a node by blanks."""
        self.blank_from(node.start_byte, node.end_byte)

    def blank_from(self, start: int, end: int) -> None:
        """Replace a part of the text by blanks."""
        self._put(start, end, bytes(byte if byte in b"\r\n" else 32 for byte in self.source[start:end]))

    def edited(self, start: int, end: int) -> bytes:
        """Return a part of the text as it is now."""
        parts: list[bytes] = []
        at = start
        for edit in self._within(start, end):
            parts += (self.source[at : edit.start], edit.text)
            at = edit.end
        return b"".join((*parts, self.source[at:end]))

    def _put(self, start: int, end: int, text: bytes, point: tuple[int, int] | None = None) -> None:
        more = len(text) - (end - start)
        shift = (point[0] + 1, point[1], more) if point is not None and more else None
        self._edits.append(_Edit(start, end, len(self._edits), text, shift))
        self._are_sorted = False

    def _within(self, start: int, end: int) -> Iterator[_Edit]:
        """Yield the changes of a part, in their order."""
        if not self._are_sorted:
            self._edits.sort()
            self._are_sorted = True
        at = start
        for number in range(bisect_left(self._edits, start, key=_start), len(self._edits)):
            edit = self._edits[number]
            if edit.start > end:
                return
            if edit.start >= at and edit.end <= end:
                yield edit
                at = edit.end


def _start(edit: _Edit) -> int:
    return edit.start


def walk(node: Node, *, but: frozenset[str] = frozenset()) -> Iterator[Node]:
    """Yield a node and all below it, without recursion: a program may be nested deeper than Python.

    What is of a type in ``but`` is yielded, and what is below it is not.
    """
    left = [node]
    while left:
        current = left.pop()
        yield current
        if current.type not in but:
            left.extend(reversed(current.children))
