"""How code names skills: ``skills.x``, ``skills.x.v1_0_0``, ``skills/x`` and ``skills/x@1.0.0``."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

PACKAGE: Final = "skills"
_NAME: Final = r"[A-Za-z0-9_][\w-]*"
_MODULE: Final = re.compile(rf"{PACKAGE}\.({_NAME})(?:\.v(\d+)_(\d+)_(\d+))?", re.ASCII)
_PATH: Final = re.compile(rf"{PACKAGE}/({_NAME})(?:@(\d+\.\d+\.\d+))?", re.ASCII)
_LONGEST: Final = 100
"""Characters of a name: a skill's has 64 at most."""

_FROM: Final = re.compile(rf"\bfrom\s+{PACKAGE}\s+import\s*(\([^)]*\)|[^\n;#]*)")
_BELOW: Final = re.compile(rf"\b{PACKAGE}\s*\.\s*(\w+)(?:\s*\.\s*(v\d+_\d+_\d+)\b)?")
_VERSIONS: Final = re.compile(rf"\bfrom\s+{PACKAGE}\s*\.\s*(\w+)\s+import\s*(\([^)]*\)|[^\n;#]*)")
_VERSION: Final = re.compile(r"\bv\d+_\d+_\d+\b")
_COMMENT: Final = re.compile(r"#[^\n]*")
_RENAMED: Final = re.compile(r"\bas\s+\w+")
_WORD: Final = re.compile(r"\w+")


class Reference(NamedTuple):
    """A skill, by what code calls it."""

    name: str
    version: str | None = None
    """None for the newest."""

    @property
    def module(self) -> str:
        """The module of it in Python."""
        below = "" if self.version is None else f".v{self.version.replace('.', '_')}"
        return f"{PACKAGE}.{self.name}{below}"

    @property
    def path(self) -> str:
        """What TypeScript imports."""
        return f"{PACKAGE}/{self.name}" + ("" if self.version is None else f"@{self.version}")


def read(text: str) -> Reference | None:
    """Return what a module's name or path refers to; None where it is no skill's."""
    if len(text) > 2 * _LONGEST:
        return None
    if match := _PATH.fullmatch(text):
        return Reference(match[1], match[2]) if len(match[1]) <= _LONGEST else None
    if match := _MODULE.fullmatch(text):
        version = ".".join(match.groups()[1:]) if match[2] is not None else None
        return Reference(match[1], version) if len(match[1]) <= _LONGEST else None
    return None


def imported(code: str) -> list[Reference]:
    """Return the skills that Python code imports, as far as its text says: a few too many, perhaps."""
    if PACKAGE not in code:
        return []
    found: dict[Reference, None] = {}
    for listed in _FROM.findall(code):
        plain = _RENAMED.sub("", _COMMENT.sub("", listed))
        found.update((Reference(name), None) for name in _WORD.findall(plain))
    for name, version in _BELOW.findall(code):
        found[Reference(name)] = None
        if version:
            found[Reference(name, _number(version))] = None
    for name, listed in _VERSIONS.findall(code):
        found.update((Reference(name, _number(version)), None) for version in _VERSION.findall(listed))
    return [reference for reference in found if len(reference.name) <= _LONGEST]


def _number(version: str) -> str:
    return version[1:].replace("_", ".")
