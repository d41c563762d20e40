"""Which sets of files of offered skills were shown, and which were approved, between starts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, cast

from underpass.catalog.edit import write_atomically
from underpass.errors import SkillNotSaved
from underpass.skills.mcp.offer import Offer, OfferedFile

Kind = Literal["shown", "approved"]
_MOST: Final = 5_000


class Remembered:
    """Sets of files by server and URI, in one file. It waits for the disk: call it in a thread.

    Parameters:
        path: the file; one that cannot be read approves nothing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def files(self, kind: Kind, server: str, uri: str) -> Sequence[OfferedFile] | None:
        """Return the set that was shown or approved last; None where there is none."""
        return _files(self._read().get(_key(kind, server, uri)))

    def note(self, kind: Kind, offers: Sequence[Offer]) -> None:
        """Remember the present sets of some skills.

        Raises:
            SkillNotSaved: the disk does not take it.
        """
        before = self._read()
        known = {_key(kind, offer.server, offer.uri): _rows(offer) for offer in offers}
        if not all(before.get(key) == rows for key, rows in known.items()):
            # What was said last stays where there is too much: approvals before what was shown.
            merged = {key: rows for key, rows in before.items() if key not in known} | known
            kept = sorted(merged, key=lambda key: key.startswith('["approved"'))[-_MOST:]
            self._write({key: merged[key] for key in kept})

    def _write(self, content: Mapping[str, Any]) -> None:
        try:
            write_atomically(self._path, json.dumps(content))
        except OSError as error:
            raise SkillNotSaved(
                f"{self._path} cannot be written: {error.strerror or error}",
                hint="let whoever runs Underpass write there, and make room",
            ) from error

    def _read(self) -> dict[str, Any]:
        try:
            content: object = json.loads(self._path.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return cast("dict[str, Any]", content) if isinstance(content, dict) else {}


def _key(kind: Kind, server: str, uri: str) -> str:
    return json.dumps([kind, server, uri])


def _rows(offer: Offer) -> list[list[Any]]:
    return [[each.uri, each.path, each.digest, each.size] for each in offer.files]


def _files(rows: object) -> tuple[OfferedFile, ...] | None:
    if not isinstance(rows, list):
        return None
    try:
        return tuple(OfferedFile(*row) for row in cast("list[list[Any]]", rows))
    except TypeError:
        return None
