"""Which call a place in a TypeScript program belongs to, over as many lines as it has.

By text, as in ``circumstances``: where the text is not understood, there is no call.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_TOKEN: Final = re.compile(
    r"""//[^\n]*|/\*.*?\*/"""  # comments
    r"""|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'"""  # texts
    r"""|/\*|[`\\]|\$\{|=>|[()\[\]{}]|[\w$.?!]+|[^\s\w]""",
    re.DOTALL,
)
_UNCLOSED: Final = frozenset(("/*", "'", '"'))
_TEMPLATE: Final = re.compile(r"(?:\\.|[^`\\$]|\$(?!\{))*(`|\$\{)", re.DOTALL)
_CLOSING: Final = {")": "(", "]": "[", "}": "{"}
_CALLED: Final = re.compile(r"[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*")
_NO_CALL: Final = frozenset(
    {"if", "for", "while", "switch", "catch", "function", "return", "await", "typeof"}
)
_LITERAL: Final = "literal"
_TEMPLATE_PART: Final = "${"
_BEFORE_LITERAL: Final = frozenset("(,:[?=")
_LISTED: Final = re.compile(r"""\bimport\s*\{([^}]*)\}\s*from\s*["']([^"'\n]+)["']""")
_WHOLE: Final = re.compile(r"""\bimport\s*\*\s*as\s+([\w$]+)\s+from\s*["']([^"'\n]+)["']""")
_NAME: Final = re.compile(r"([\w$]+)(?:\s+as\s+([\w$]+))?")

Imports = Mapping[str, tuple[str, str]]
"""What each name of a program's stands for: a module, and a name in it; of a whole module, none."""


def imports(code: str) -> Imports:
    """Return what a program imports, as far as its text says."""
    found = {name: (module, "") for name, module in _WHOLE.findall(code)}
    for listed, module in _LISTED.findall(code):
        for part in listed.split(","):
            if match := _NAME.fullmatch(part.strip()):
                found[match[2] or match[1]] = (module, match[1])
    return found


def called_at(text: str) -> str | None:
    """Return what is called at the end of ``text``, where that is among the arguments of a call.

    Members of objects and items of lists that are written out there belong to the call. Returns a name,
    with dots; None for any other place.
    """
    opened: list[tuple[str, str]] = []
    last, at = "", 0
    while match := _TOKEN.search(text, at):
        piece, at = match[0], match.end()
        if piece in _UNCLOSED:
            return None  # and no second look at all that follows
        if piece.startswith(("//", "/*")):
            continue
        if piece == "`" or (piece == "}" and opened and opened[-1][0] == _TEMPLATE_PART):
            if piece == "}":
                opened.pop()
            part = _TEMPLATE.match(text, at)
            if part is None:
                return None  # it ends inside a template's text
            at = part.end()
            if part[1] == _TEMPLATE_PART:
                opened.append((_TEMPLATE_PART, ""))
            piece = "`"
        elif piece in "([{":
            opened.append((piece, _opens(piece, last)))
        elif piece in _CLOSING and (not opened or opened.pop()[0] != _CLOSING[piece]):
            return None
        last = piece
    for bracket, name in reversed(opened):
        if name != _LITERAL:
            return name if bracket == "(" and name else None
    return None


def _opens(bracket: str, last: str) -> str:
    """Say what a bracket opens after a piece: a call by its name, a literal, or anything else."""
    if bracket == "(":
        return last if _CALLED.fullmatch(last) and last not in _NO_CALL else ""
    return _LITERAL if last in _BEFORE_LITERAL or last == "..." else ""
