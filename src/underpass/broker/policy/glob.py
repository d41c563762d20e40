"""Patterns with ``*``, matched in linear time whatever the text: arguments come from a program."""

from __future__ import annotations

import re
from typing import Final

_STEPS: Final = re.compile(r"(?:^|[/\\])\.{1,2}(?:[/\\]|$)|[^:]//")


class Glob:
    """A text in which ``*`` stands for any characters, none included."""

    __slots__ = ("_head", "_middle", "_tail", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._head, *middle = text.split("*")
        self._tail = middle.pop() if middle else None
        """None where the pattern is a plain text."""
        self._middle = [part for part in middle if part]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Glob) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Glob({self.text!r})"

    def matches(self, text: str) -> bool:
        """Whether the whole of ``text`` fits."""
        if self._tail is None:
            return text == self._head
        if not text.startswith(self._head):
            return False
        at, end = len(self._head), len(text) - len(self._tail)
        if at > end or not text.endswith(self._tail):
            return False
        for part in self._middle:
            at = text.find(part, at, end)
            if at < 0:
                return False
            at += len(part)
        return True


def without_steps(path: str) -> str:
    """Return the path or address that is meant: ``/tmp/../etc`` is ``/etc``."""
    if not _STEPS.search(path):
        return path
    kept: list[str] = []
    for part in path.replace("\\", "/").split("/"):
        if part == ".." and kept and kept[-1] != "..":
            if kept[-1]:  # above the root is the root
                kept.pop()
        elif part not in ("", ".") or (not part and (not kept or kept[-1].endswith(":"))):
            kept.append(part)
    return "/".join(kept)
