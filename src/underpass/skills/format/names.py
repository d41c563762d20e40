"""What skills, their versions and their functions can be called."""

from __future__ import annotations

import keyword
import re
from typing import Final

NAME_LENGTH: Final = 64
_NAME: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_VERSION: Final = re.compile(r"(?:0|[1-9][0-9]{0,5})(?:\.(?:0|[1-9][0-9]{0,5})){2}")
_FUNCTION: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")


def skill_name(name: str) -> str:
    """Return a skill's name with hyphens, as its folder has it, from how a program writes it."""
    return name.replace("_", "-")


def module_name(name: str) -> str:
    """Return a skill's name with underscores, as Python code has it."""
    return name.replace("-", "_")


def title(name: str) -> str:
    """Return a skill's name as a heading."""
    words = name.replace("-", " ")
    return words[:1].upper() + words[1:]


def name_problem(name: str) -> str | None:
    """Return what is wrong with a skill's name; None where nothing is."""
    if len(name) > NAME_LENGTH or not _NAME.fullmatch(name):
        return f"name: {name!r:.80} is not 1 to {NAME_LENGTH} lowercase letters, digits and single hyphens"
    if name[0].isdigit() or keyword.iskeyword(name):
        return f"name: {name!r} cannot be imported; a name begins with a letter and is no word of Python"
    return None


def function_problem(name: str) -> str | None:
    """Return what is wrong with the name of a skill's function; None where nothing is."""
    if not _FUNCTION.fullmatch(name) or keyword.iskeyword(name):
        return f"entrypoint: {name!r:.120} is no name of a public function"
    return None


def is_version(version: str) -> bool:
    """Whether it is a semantic version: three numbers."""
    return _VERSION.fullmatch(version) is not None


def version_key(version: str) -> tuple[int, ...]:
    """Return what versions are sorted by."""
    return tuple(map(int, version.split(".")))
