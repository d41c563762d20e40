"""What a listing has found, kept for the next process: reading thousands of skills takes seconds."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import astuple
from pathlib import Path
from typing import Any, Final, cast

import orjson

from underpass.skills.format.folder import Stamp
from underpass.skills.skill import SkillEntry
from underpass.workspace.checkpoints.durable import replace

_LOG = logging.getLogger(__name__)
_FORMAT: Final = b"underpass-skills-1 "
_DIGEST: Final = 64

Lines = Mapping[str, tuple[Stamp, SkillEntry]]


class Index:
    """A file in the user's own folder. One that is damaged, or cannot be written, is done without.

    Parameters:
        own: the user's own folder.
        library: whose listing it is.
    """

    def __init__(self, own: Path, library: Path) -> None:
        key = hashlib.sha256(str(library.resolve()).encode("utf-8", "surrogateescape")).hexdigest()
        self._path = own / "skill-listings" / f"{key[:32]}.json"

    def load(self) -> dict[str, Lines]:
        """Return the lines of each part of the library."""
        try:
            content = self._path.read_bytes()
        except OSError:
            return {}
        head, body = content[: len(_FORMAT) + _DIGEST], content[len(_FORMAT) + _DIGEST :]
        if head != _FORMAT + hashlib.sha256(body).hexdigest().encode():
            _LOG.info("%s is damaged or of another version, and is made anew", self._path)
            return {}
        parts: dict[str, dict[str, list[Any]]] = orjson.loads(body)
        return {part: {name: _line(line) for name, line in lines.items()} for part, lines in parts.items()}

    def store(self, parts: Mapping[str, Lines]) -> None:
        """Keep the lines."""
        facts = {
            part: {name: [stamp, astuple(entry)] for name, (stamp, entry) in lines.items()}
            for part, lines in parts.items()
        }
        with suppress(OSError, TypeError):
            body = orjson.dumps(facts)
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            replace(self._path, _FORMAT + hashlib.sha256(body).hexdigest().encode() + body)


def _line(line: list[Any]) -> tuple[Stamp, SkillEntry]:
    stamp, fields = line
    # Tuples come back as lists.
    values: list[Any] = [
        tuple(cast("list[Any]", each)) if isinstance(each, list) else each for each in fields
    ]
    return tuple(stamp), SkillEntry(*values)
