"""What the text around a complaint says: whether it would surely come true at run time.

By text and not by syntax tree: it is only looked at where there is a complaint, it must hold for any
text, and to be wrong here means that an error is found at run time instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Final

_DYNAMIC: Final = re.compile(
    r"\b(globals|locals|vars|exec|eval|setattr|builtins|__builtins__|__dict__|import_module|__import__)\b"
    r"|\bfrom\s+(?!mcp_servers\b|mcp_runtime\b)\S+\s+import\s*\(?\s*\*"
)
_SHARED: Final = re.compile(r"\b(?:global|nonlocal)\s+([^\n;#]+)")
_WORD: Final = re.compile(r"\w+")


class Circumstances:
    """One Python program, and the questions that a rule asks of it."""

    def __init__(self, code: str) -> None:
        self.code = code

    @cached_property
    def lines(self) -> list[str]:
        """The program's lines, cut where a checker cuts them."""
        return self.code.replace("\r\n", "\n").replace("\r", "\n").split("\n")

    @cached_property
    def binds_names_unseen(self) -> bool:
        """Whether names may come to be in ways that no checker follows."""
        return _DYNAMIC.search(self.code) is not None

    @cached_property
    def rebound(self) -> frozenset[str]:
        """Names that a function may give another value: where they are used, their type is a guess."""
        return frozenset(name for listed in _SHARED.findall(self.code) for name in _WORD.findall(listed))

    def is_uncertain(self, expression: str) -> bool:
        """Whether the type of an expression may be another than it seems.

        That is so if it begins with a name that other functions assign, or that has an annotation:
        an annotation is a wish.
        """
        name = next(iter(_WORD.findall(expression)), "")
        annotated = rf"(?:^[ \t]*|[(,]\s*\**){re.escape(name)}[ \t]*:(?!=)"
        return name in self.rebound or re.search(annotated, self.code, re.MULTILINE) is not None

    def gives_attribute(self, name: str) -> bool:
        """Whether the program assigns an attribute of that name, or asks whether there is one."""
        name = re.escape(name)
        return (
            re.search(rf"\.\s*{name}\s*(:[^=\n]+)?=(?!=)|attr\([^()\n]*[\"']{name}[\"']", self.code)
            is not None
        )

    def gives_key(self, name: str) -> bool:
        """Whether the program stores something under a key, or asks whether it is there."""
        quoted = rf"[\"']{re.escape(name)}[\"']"
        stored = rf"\[\s*{quoted}\s*\]\s*=(?!=)|{quoted}\s+(not\s+)?in\b|\.(setdefault|get|pop)\(\s*{quoted}"
        return re.search(rf"{stored}|\.update\(", self.code) is not None

    def catches(self, line: int, errors: frozenset[str]) -> bool:
        """Whether the line, counted from 0, stands in a block that expects one of ``errors``."""
        return any(not errors.isdisjoint(_WORD.findall(handler) or ("",)) for handler in self._handlers(line))

    def _handlers(self, line: int) -> Iterator[str]:
        """Yield what the handlers around a line catch; an empty text is everything."""
        inner = 1_000_000
        for number in range(line, -1, -1):
            text = self.lines[number]
            stripped = text.strip()
            indent = len(text) - len(text.lstrip())
            if not stripped or stripped.startswith("#") or indent >= inner:
                continue
            inner = indent
            if stripped.startswith("try:"):
                yield from self._after(number, indent)
            elif stripped.startswith("with") and "suppress(" in stripped:
                yield stripped.partition("suppress(")[2]

    def _after(self, start: int, indent: int) -> Iterator[str]:
        """Yield the handlers of the ``try`` at a line."""
        for text in self.lines[start + 1 :]:
            stripped = text.strip()
            if not stripped or stripped.startswith("#") or len(text) - len(text.lstrip()) > indent:
                continue
            if not stripped.startswith("except"):
                return
            yield stripped.removeprefix("except").partition(":")[0].partition(" as ")[0]
