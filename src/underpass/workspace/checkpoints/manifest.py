"""What one checkpoint holds: each path with its kind, its mode, and the digest of its content."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from underpass.workspace.checkpoints.tree import Kind

_FORMAT: Final = 1
_LETTERS: Final[Mapping[Kind, str]] = {"file": "f", "folder": "d", "link": "l"}
_KINDS: Final[Mapping[str, Kind]] = {letter: kind for kind, letter in _LETTERS.items()}


class ManifestInvalid(Exception):
    """The bytes are no manifest."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, folder or link of a checkpoint."""

    kind: Kind
    mode: int
    """The permissions, without set-user-id and its kin."""
    size: int = 0
    """Bytes of a file."""
    content: str = ""
    """The digest of a file's content; a link's target."""
    changed: int = 0
    """A file's time of modification, in nanoseconds since 1970."""

    def is_same(self, other: Entry | None) -> bool:
        """Whether there is nothing to restore between the two; times do not count."""
        return other is not None and (self.kind, self.mode, self.content) == (
            other.kind,
            other.mode,
            other.content,
        )


Manifest = Mapping[str, Entry]
"""By path relative to the workspace."""


def dump(manifest: Manifest) -> bytes:
    """Write a manifest: the same bytes for the same files."""
    entries = [
        [path, _LETTERS[entry.kind], entry.mode, entry.size, entry.content, entry.changed]
        for path, entry in sorted(manifest.items())
    ]
    # Names that are no UTF-8 have lone surrogates, which this module writes as escapes.
    return json.dumps({"format": _FORMAT, "entries": entries}, separators=(",", ":")).encode("ascii")


def load(content: bytes) -> dict[str, Entry]:
    """Read a manifest. Raises ``ManifestInvalid``."""
    try:
        data: Any = json.loads(content)
        if data["format"] != _FORMAT:
            raise ManifestInvalid(f"it has the format {data['format']!r}, and this program writes {_FORMAT}")
        return {
            path: Entry(_KINDS[kind], mode, size, what, changed)
            for path, kind, mode, size, what, changed in data["entries"]
        }
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ManifestInvalid(f"it cannot be read: {error}") from error


def contents(manifests: Iterable[Manifest]) -> set[str]:
    """The digests of all files."""
    return {entry.content for manifest in manifests for entry in manifest.values() if entry.kind == "file"}
