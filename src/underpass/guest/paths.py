"""Names of files in a workspace, and what is wrong with those that are none."""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import Final

_LONGEST_PART: Final = 255
_LONGEST: Final = 1_024
"""Bytes: every file system has room for that below a workspace."""


def resolve(root: str, name: str | os.PathLike[str]) -> str:
    """Return the real path of ``name`` below ``root``, with links followed.

    Raises ``ValueError`` where the name is no file's, or leads out of ``root``.
    """
    text = check(name)
    top = os.path.realpath(root)
    path = os.path.realpath(PurePosixPath(top, text))
    if path != top and not path.startswith(f"{top}/"):
        raise ValueError(f"{text!r} leaves the workspace by a link")
    return path


def check(name: str | os.PathLike[str]) -> str:
    """Return a name as text. Raises ``ValueError`` where it is no file's."""
    text = os.fspath(name)
    if fault := _fault(text):
        raise ValueError(f"{text!r:.100} {fault}")
    return text


def _fault(name: str) -> str:
    """What is wrong with a name; empty where it is a name."""
    if hidden := next((letter for letter in name if not letter.isprintable()), None):
        return f"holds {hidden!r}, which no name may"
    plain = name
    if not name.isascii():
        import unicodedata

        plain = unicodedata.normalize("NFKC", name)
    if name.startswith("/") or ".." in name.split("/"):
        return "leaves the workspace: give a path relative to it, without '..'"
    if plain.count("/") != name.count("/") or ".." in plain.split("/"):
        return "looks like another path: write it in plain letters"
    parts = [len(part.encode()) for part in name.split("/")]
    if max(parts) > _LONGEST_PART or sum(parts) + len(parts) > _LONGEST:
        return f"is too long: a name has at most {_LONGEST_PART} bytes, and a path {_LONGEST:,}"
    return ""


def refuse_twin(root: str, path: str) -> None:
    """Refuse a new file or folder whose name differs from another's in case alone.

    Other systems take the two for one, and would lose one of them. Raises ``ValueError``.
    """
    folder = os.path.realpath(root)
    for part in PurePosixPath(path).relative_to(folder).parts:
        if not os.path.lexists(f"{folder}/{part}"):
            fold = part.casefold()
            with os.scandir(folder) as entries:
                twin = next((entry.name for entry in entries if entry.name.casefold() == fold), None)
            if twin is not None:
                raise ValueError(f"{part!r} differs from {twin!r}, which is there, in case alone")
            return
        folder = f"{folder}/{part}"
