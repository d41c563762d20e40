"""A skill that a server offers, as its entry says; nothing of it is used before it is approved."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

from underpass.catalog.hidden import without_hidden
from underpass.skills.mcp.wire import MOST_BYTES, MOST_FILES, SKILL, NotUsable, name_in, path_in, root_of

_DIGEST: Final = re.compile(r"sha256:([0-9a-f]{64})")
_NAME: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_NAME_LENGTH: Final = 64
_DESCRIPTION_LENGTH: Final = 1_024


@dataclass(frozen=True, slots=True)
class OfferedFile:
    """A file of an offered skill."""

    uri: str
    path: str
    """Below the skill's folder."""
    digest: str
    """SHA-256 in hex."""
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One entry of a server's list of skills, whose form has been checked."""

    server: str
    """By its name in the configuration; with ``uri`` it says which skill this is."""
    uri: str
    frontmatter: Mapping[str, Any] = field(repr=False)
    files: tuple[OfferedFile, ...] = field(repr=False)

    @property
    def name(self) -> str:
        """What the skill calls itself."""
        return self.frontmatter["name"]

    @property
    def description(self) -> str:
        """What it says of itself, without hidden characters. It is the server's text."""
        return without_hidden(self.frontmatter["description"])

    @property
    def digest(self) -> str:
        """Of the whole set of files, and of whose they are, SHA-256 in hex: what an approval is bound to."""
        content = [self.server, self.uri, sorted((each.uri, each.digest, each.size) for each in self.files)]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def read_entry(server: str, entry: object) -> Offer:
    """Return an entry of ``skills/list`` or ``skills/get``.

    Raises:
        NotUsable: it breaks the rules.
    """
    if not isinstance(entry, dict):
        raise NotUsable("an entry is no object")
    given = cast("dict[str, Any]", entry)
    root = root_of(given.get("uri"))
    head = given.get("frontmatter")
    if not isinstance(head, dict):
        raise NotUsable(f"{name_in(root)}: its entry has no frontmatter")
    frontmatter = cast("dict[str, Any]", head)
    name, description = frontmatter.get("name"), frontmatter.get("description")
    if not isinstance(name, str) or len(name) > _NAME_LENGTH or not _NAME.fullmatch(name):
        raise NotUsable(f"{name_in(root)}: its name is not 1 to 64 lowercase letters, digits and hyphens")
    if name != name_in(root):
        raise NotUsable(f"{name}: its URI is that of {name_in(root)!r:.80}")
    if not isinstance(description, str) or not 0 < len(description.strip()) <= _DESCRIPTION_LENGTH:
        raise NotUsable(f"{name}: its description is not 1 to {_DESCRIPTION_LENGTH:,} characters")
    return Offer(server, given["uri"], frontmatter, _files(name, root, given.get("resources")))


def differences(before: Sequence[OfferedFile], now: Sequence[OfferedFile]) -> tuple[str, ...]:
    """Return how one set of files differs from another, file by file."""
    old, new = ({each.path: (each.digest, each.size) for each in files} for files in (before, now))
    changes: list[str] = []
    for path in sorted(old.keys() | new.keys()):
        if path not in new:
            changes.append(f"{path} is gone")
        elif path not in old:
            changes.append(f"{path} is new ({new[path][1]:,} bytes)")
        elif old[path] != new[path]:
            changes.append(f"{path} has changed ({old[path][1]:,} to {new[path][1]:,} bytes)")
    return tuple(changes)


def _files(name: str, root: str, resources: object) -> tuple[OfferedFile, ...]:
    if resources == "dynamic":
        raise NotUsable(f"{name}: its content is made anew at each reading, so nobody can approve it")
    if not isinstance(resources, list):
        raise NotUsable(f"{name}: its entry has no list of its files")
    listed = cast("list[object]", resources)
    if len(listed) > MOST_FILES:
        raise NotUsable(f"{name}: it has {len(listed):,} files; {MOST_FILES} are the most")
    files = tuple(_file(name, root, each) for each in listed)
    # Where capitals do not count, one would take the place of the other.
    paths = {each.path.casefold() for each in files}
    if len(paths) < len(files):
        raise NotUsable(f"{name}: it has a file twice")
    if any(folder in paths for path in paths for folder in _folders(path)):
        raise NotUsable(f"{name}: a file of it has the name of a folder")
    if SKILL not in {each.path for each in files}:
        raise NotUsable(f"{name}: {SKILL} is not among its files")
    if (size := sum(each.size for each in files)) > MOST_BYTES:
        raise NotUsable(f"{name}: it has {size:,} bytes; {MOST_BYTES:,} are the most")
    return files


def _folders(path: str) -> Iterator[str]:
    while path := path.rpartition("/")[0]:
        yield path


def _file(name: str, root: str, resource: object) -> OfferedFile:
    given = cast("dict[str, Any]", resource) if isinstance(resource, dict) else {}
    try:
        path = path_in(root, given.get("uri"))
    except NotUsable as error:
        raise NotUsable(f"{name}: {error}") from error
    digest, size = given.get("digest"), given.get("size")
    found = _DIGEST.fullmatch(digest) if isinstance(digest, str) else None
    if found is None:
        raise NotUsable(f"{name}: {path} has no digest of SHA-256")
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise NotUsable(f"{name}: {path} has no size")
    return OfferedFile(given["uri"], path, found[1], size)
