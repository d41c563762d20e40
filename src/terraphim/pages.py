"""What one Markdown file says about a concept."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_HEADING = re.compile(rb" {0,3}#{1,6}[ \t]+(.*?)(?:[ \t]+#+)?[ \t\r]*")
_SYNONYMS = b"synonyms::"
_FENCES = (b"```", b"~~~")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Page:
    """What one file says.

    Parameters:
        synonyms: the words of its ``synonyms::`` lines, trimmed, in lower case; None without such a line.
        heading: its first heading.
        warning: why it was left out or read in part.
    """

    synonyms: tuple[str, ...] | None
    heading: str | None = None
    warning: str | None = None


def read(path: Path) -> Page:
    """Read a file. One that cannot be read is a page without synonyms, with a warning."""
    try:
        content = path.read_bytes()
    except OSError as error:
        return Page(None, warning=f"It cannot be read: {error.strerror}.")
    return parse(content)


def parse(content: bytes) -> Page:
    """Read a file's content. Lines that are no UTF-8 are left out, with a warning."""
    heading: str | None = None
    synonyms: list[str] | None = None
    broken: list[int] = []
    fenced = False
    for number, line in enumerate(content.removeprefix(_BYTE_ORDER_MARK).split(b"\n"), start=1):
        start = line.lstrip()
        fenced ^= start.startswith(_FENCES)
        is_synonyms = start.startswith(_SYNONYMS)
        title = None if fenced or heading is not None else _HEADING.fullmatch(line)
        if not is_synonyms and title is None:
            continue
        try:
            if is_synonyms:
                words = start.removeprefix(_SYNONYMS).decode().lower().split(",")
                synonyms = (synonyms or []) + [word.strip() for word in words if word.strip()]
            elif title is not None:
                heading = title[1].decode().strip() or None
        except UnicodeDecodeError:
            broken.append(number)
    warning = None
    if broken:
        lines = ", ".join(map(str, broken))
        warning = f"It is not valid UTF-8; what these lines say was left out: {lines}."
    return Page(None if synonyms is None else tuple(synonyms), heading, warning)
