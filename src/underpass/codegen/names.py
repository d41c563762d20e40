"""Identifiers for servers, tools and parameters.

An identifier depends on the original name alone, unless several names of one group would share one.
Then the name that already is its own identifier keeps it and each other gets a few digits of its
own hash: whatever the order of a listing, and whatever else is in it, an identifier never silently
changes from one tool to another.
"""

from __future__ import annotations

import hashlib
import keyword
import re
import unicodedata
from collections.abc import Iterable
from typing import Final, Literal

Kind = Literal["server", "tool", "parameter", "namespace", "function"]
"""What is named: in Python a server, a tool, a parameter; in TypeScript a server, a tool."""

_LONGEST = 100
"""Bytes of an identifier: with a digest and ``_….py`` around it, it still names a file."""

_TYPESCRIPT: Final = frozenset(
    {
        *("arguments", "await", "break", "case", "catch", "class", "const", "continue", "debugger"),
        *("default", "delete", "do", "else", "enum", "eval", "export", "extends", "false", "finally"),
        *("for", "function", "if", "implements", "import", "in", "instanceof", "interface", "let", "new"),
        *("null", "package", "private", "protected", "public", "return", "static", "super", "switch"),
        *("this", "throw", "true", "try", "typeof", "var", "void", "while", "with", "yield", "undefined"),
        *("globalThis", "require", "exports", "callTool"),
        # A module that exports "then" is taken for a promise when it is imported.
        *("then", "toJSON"),
        # Every object answers to these, a namespace of tools as well.
        *("constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString"),
        *("toString", "valueOf"),
        # The package exports it for itself.
        "ToolError",
    }
)
_RESERVED: Final[dict[Kind, frozenset[str]]] = {
    # Function names that would change the meaning of an annotation, or of the generated body.
    "tool": frozenset(
        {
            *keyword.kwlist,
            "bool",
            "dict",
            "float",
            "int",
            "list",
            "str",
            "tuple",
            "annotations",
            "call_tool",
            "cast",
        }
    ),
    "server": frozenset({*keyword.kwlist, "TYPE_CHECKING"}),
    "parameter": frozenset({*keyword.kwlist, "__debug__", "call_tool", "cast", "extra"}),
    "namespace": _TYPESCRIPT,
    "function": _TYPESCRIPT,
}
_CAMEL: Final[dict[Kind, Kind]] = {"namespace": "server", "function": "tool"}
"""The kinds that are the words of another kind in camel case."""

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z](?!s(?![a-z]))[a-z])")
_GAP = re.compile(r"[\W_]+")


def server_identifier(name: str) -> str:
    """Return the module name of a server: ``my-server`` gives ``my_server``."""
    return _identifier(name, "server")


def tool_identifier(name: str) -> str:
    """Return the function name of a tool: ``searchIssues`` gives ``search_issues``."""
    return _identifier(name, "tool")


def parameter_identifier(name: str) -> str:
    """Return the Python name of a parameter: itself where possible, ``from`` gives ``from_``."""
    return _identifier(name, "parameter")


def namespace_identifier(name: str) -> str:
    """Return the TypeScript name of a server: ``my-server`` gives ``myServer``."""
    return _identifier(name, "namespace")


def function_identifier(name: str) -> str:
    """Return the TypeScript name of a tool: ``search_issues`` gives ``searchIssues``."""
    return _identifier(name, "function")


def identifiers(names: Iterable[str], kind: Kind) -> dict[str, str]:
    """Return a distinct identifier for each of ``names``, whatever their order.

    Servers and tools name files too, so their identifiers differ by more than case.
    """
    wanted = {name: _identifier(name, kind) for name in names}
    groups: dict[str, list[str]] = {}
    for name, identifier in wanted.items():
        groups.setdefault(_fold(identifier, kind), []).append(name)
    # The names that keep their identifier come first: no made-up one may take it from them.
    taken = {fold for fold, group in groups.items() if len(group) == 1 or _owner(group, wanted) is not None}
    for fold in sorted(fold for fold, group in groups.items() if len(group) > 1):
        owner = _owner(groups[fold], wanted)
        for name in sorted(groups[fold]):
            if name != owner:
                wanted[name] = _distinct(name, wanted[name], kind, taken)
    return wanted


def digest(text: str) -> str:
    """Return the SHA-256 of a text, in hexadecimal; lone surrogates are allowed."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _identifier(name: str, kind: Kind) -> str:
    # A megabyte of name is cut before the work begins; its digest keeps it distinct.
    text = unicodedata.normalize("NFKC", name[: 4 * _LONGEST])
    if kind == "parameter" and _is_usable(text) and text == name:
        return name
    if kind in {"tool", "function"}:
        text = _HUMP.sub("_", text).lower()
    text = unicodedata.normalize("NFKC", _GAP.sub("_", text)).strip("_")
    text = "".join(letter for letter in text if ("a" + letter).isidentifier())
    base = _CAMEL.get(kind, kind)
    if not text:
        text = f"{base}_{digest(name)[:8]}"
    elif not text.isidentifier():
        text = f"_{text}" if kind == "parameter" else f"{base}_{text}"
    if kind in _CAMEL:
        first, *others = text.split("_")
        text = first + "".join(word[:1].upper() + word[1:] for word in others)
        text = unicodedata.normalize("NFKC", text)
    if text in _RESERVED[kind]:
        text += "_"
    if len(name) > 4 * _LONGEST or len(text.encode()) > _LONGEST:
        text = f"{text.encode()[:_LONGEST].decode(errors='ignore').rstrip('_')}_{digest(name)[:8]}"
    return text


def _is_usable(name: str) -> bool:
    return (
        name.isidentifier()
        and not name.startswith("__")
        and name not in _RESERVED["parameter"]
        and len(name.encode()) <= _LONGEST
    )


def _fold(identifier: str, kind: Kind) -> str:
    if kind == "parameter":
        return identifier
    return unicodedata.normalize("NFKC", identifier.casefold())


def _owner(group: list[str], wanted: dict[str, str]) -> str | None:
    """Return the one name of a group that keeps its identifier: its own, and in lower case if several are."""
    own = [name for name in group if wanted[name] == name]
    if len(own) > 1:
        own = [name for name in own if name == name.casefold()]
    return own[0] if len(own) == 1 else None


def _distinct(name: str, identifier: str, kind: Kind, taken: set[str]) -> str:
    hexadecimal, length = digest(name), 4
    candidate = f"{identifier.rstrip('_')}_{hexadecimal[:length]}"
    while _fold(candidate, kind) in taken:
        length += 1
        candidate = f"{identifier.rstrip('_')}_{hexadecimal[:length]}"
    taken.add(_fold(candidate, kind))
    return candidate
