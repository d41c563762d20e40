"""What both sides of the extension have to keep to."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

MOST_FILES: Final = 512
"""Files of one skill, by the extension's rules."""
MOST_BYTES: Final = 16 * 1024 * 1024
"""Bytes of all files of one skill together, by the extension's rules."""
SKILL: Final = "SKILL.md"
_LONGEST_URI: Final = 1_000
_DEEPEST: Final = 16
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*", re.IGNORECASE | re.ASCII)


class NotUsable(Exception):
    """Something that a server offers breaks the rules; the text says what."""


def root_of(uri: object) -> str:
    """Return the URI of a skill's folder, from that of its SKILL.md.

    Raises:
        NotUsable: it is no such URI, or one of a file of a machine.
    """
    if not isinstance(uri, str) or len(uri) > _LONGEST_URI:
        raise NotUsable(f"its URI is no text of at most {_LONGEST_URI:,} characters")
    scheme, separator, rest = uri.partition("://")
    if not separator or not _SCHEME.fullmatch(scheme) or scheme.casefold() == "file":
        raise NotUsable(f"{uri[:120]!r} is no URI of a skill, such as skill://name/{SKILL}")
    *folders, last = _segments(rest, uri)
    if last != SKILL or not folders:
        raise NotUsable(f"{uri[:120]!r} does not end with the skill's name and {SKILL}")
    return uri[: -len(SKILL) - 1]


def path_in(root: str, uri: object) -> str:
    """Return the path of a file below a skill's folder.

    Raises:
        NotUsable: the URI is not below it, or its path leads elsewhere.
    """
    if not isinstance(uri, str) or len(uri) > _LONGEST_URI or not uri.startswith(f"{root}/"):
        raise NotUsable(f"{str(uri)[:120]!r} is no file of the skill")
    return "/".join(_segments(uri[len(root) + 1 :], uri))


def name_in(root: str) -> str:
    """Return the skill's name, which is the last part of its folder's URI."""
    return unquote(root.rpartition("/")[2])


def _segments(path: str, uri: str) -> list[str]:
    segments = [unquote(part) for part in path.split("/")]
    if "?" in path or "#" in path or len(segments) > _DEEPEST or not all(map(_is_name, segments)):
        raise NotUsable(f"{uri[:120]!r} has a path that is no plain one")
    return segments


def _is_name(segment: str) -> bool:
    return (
        segment not in {"", ".", ".."}
        and segment.isprintable()
        and not any(sign in segment for sign in '/\\:*?"<>|%')
        and segment == segment.strip(" ")
        and len(segment.encode()) <= 255
    )
