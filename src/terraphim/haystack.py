"""A folder of Markdown files as documents; only what changed is read again."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePath
from typing import Any

from terraphim import sieve
from terraphim.documents import Document
from terraphim.errors import FolderUnreadable, IndexInvalid

SUFFIXES = frozenset({".md", ".markdown", ".mdown", ".mdwn", ".mdx", ".mkd", ".mkdn"})
"""What counts as Markdown; ripgrep's own list."""
MAX_FILE_BYTES = 16 * 1024 * 1024
_DESCRIPTION = 200
_CONTEXT = 3
_OTHER = re.compile(r"[^a-zA-Z0-9]+")
_TAGS = re.compile(r"^[ \t]*(?:- )?tags::[ \t]*(.+)$", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or folder that is not searched, or not as it is.

    Parameters:
        path: the file's path.
        reason: one sentence.
    """

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Change:
    """What a look at a folder found.

    Parameters:
        put: documents that are new or changed, in the order of their paths.
        removed: ids of documents that are gone.
    """

    put: tuple[Document, ...]
    removed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.put or self.removed)


@dataclass(frozen=True, slots=True)
class FileState:
    """What shows that a file is still the same."""

    modified: int
    """Nanoseconds."""
    size: int
    inode: int


class MarkdownFolder:
    """The Markdown files of a folder, at any depth, each one document.

    Hidden files, and what symbolic links lead to, are left out, as ripgrep does. Two files whose paths
    differ only in punctuation get different ids: the later path's has a hash behind it.

    Parameters:
        path: the folder.
        location: the folder as the configuration names it; ids are made of it.
        glob: only files that fit this pattern are documents.
        tags: only files that contain every one of these texts are documents.
        max_file_bytes: larger files are left out.
    """

    def __init__(
        self,
        path: Path,
        *,
        location: str | None = None,
        glob: str | None = None,
        tags: Sequence[str] = (),
        max_file_bytes: int = MAX_FILE_BYTES,
    ) -> None:
        self.path = path
        self._location = location if location is not None else str(path)
        self._glob = glob
        self._tags = tuple(tag.casefold() for tag in tags)
        self._max_file_bytes = max_file_bytes
        self._found: dict[str, FileState] = {}
        self._found_ids: dict[str, str] = {}
        self._files: dict[str, FileState] = {}
        self._ids: dict[str, str] = {}
        self._documents: set[str] = set()
        self._skipped: dict[str, str] = {}
        self._damaged: dict[str, str] = {}

    @property
    def identity(self) -> list[str]:
        """What a snapshot of it depends on: the folder, its name, and what narrows it."""
        path = os.fsencode(self.path.absolute()).decode("utf-8", "backslashreplace")
        return [path, self._location, self._glob or "", *self._tags, str(self._max_file_bytes)]

    @property
    def file_count(self) -> int:
        """How many files the last look listed."""
        return len(self._found)

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """What the last look left out, or found damaged; sorted by path."""
        return tuple(Skipped(path, why) for path, why in sorted({**self._damaged, **self._skipped}.items()))

    def refresh(self) -> Change:
        """Look at the folder again, and read the files that are new or changed.

        Raises:
            FolderUnreadable: the folder is missing, is no folder, or cannot be listed.
        """
        self.look()
        return self.update()

    def look(self) -> int:
        """List the files as they are now, without reading them; returns the size of all, in bytes.

        Raises:
            FolderUnreadable: as ``refresh``.
        """
        self._skipped = {}
        self._found = dict(sorted(self._scan()))
        self._found_ids = self._names(self._found)
        return sum(state.size for state in self._found.values() if state.size <= self._max_file_bytes)

    def update(self) -> Change:
        """Read the files that were new or changed when ``look`` was called."""
        found, ids = self._found, self._found_ids
        put: list[Document] = []
        documents: set[str] = set()
        for name, state in found.items():
            same = self._files.get(name) == state and self._ids[name] == ids[name]
            if same and ids[name] in self._documents:
                documents.add(ids[name])
            elif (document := self._read(name, ids[name], state)) is not None:
                documents.add(document.id)
                put.append(document)
        removed = sorted(self._documents - documents)
        self._damaged = {name: why for name, why in self._damaged.items() if name in found}
        self._files, self._ids, self._documents = found, ids, documents
        return Change(tuple(put), tuple(removed))

    def files_with(self, needles: Sequence[str]) -> list[str]:
        """The listed files that contain one of ``needles``, ASCII letters in any case."""
        names = [name for name, state in self._found.items() if state.size <= self._max_file_bytes]
        return sieve.files_with(self.path, names, needles)

    def read(self, names: Iterable[str]) -> list[Document]:
        """Read listed files, and keep nothing of them."""
        read = (self._read(name, self._found_ids[name], self._found[name]) for name in names)
        return [document for document in read if document is not None]

    def document(self, document_id: str) -> Document | None:
        """Read the listed file that has this id, and keep nothing of it."""
        names = [name for name, id_ in self._found_ids.items() if id_ == document_id]
        return next(iter(self.read(names)), None)

    def snapshot(self) -> Any:
        """What the last look found, as a JSON value."""
        return {
            "files": [
                [name, state.modified, state.size, state.inode, self._ids[name]]
                for name, state in self._files.items()
            ],
            "documents": sorted(self._documents),
            "damaged": self._damaged,
        }

    def restore(self, value: Any) -> None:
        """Begin from what ``snapshot`` returned: only what changed since is read. Raises IndexInvalid."""
        try:
            rows = [(str(row[0]), FileState(*map(int, row[1:4])), str(row[4])) for row in value["files"]]
            documents = {str(name) for name in value["documents"]}
            damaged = {str(name): str(why) for name, why in value["damaged"].items()}
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise IndexInvalid("The folder's state cannot be read.", hint="Build the index again.") from error
        self._files = {name: state for name, state, _ in rows}
        self._ids = {name: id_ for name, _, id_ in rows}
        self._documents, self._damaged = documents, damaged

    def clear(self) -> Change:
        """Forget everything; the next look reads all files again."""
        removed = tuple(sorted(self._documents))
        self._files, self._ids, self._documents = {}, {}, set()
        self._damaged = {}
        return Change((), removed)

    def _scan(self) -> Iterator[tuple[str, FileState]]:
        waiting = [("", self.path)]
        while waiting:
            prefix, folder = waiting.pop()
            try:
                entries = list(os.scandir(folder))
            except OSError as error:
                if folder == self.path:
                    raise FolderUnreadable(
                        f"the folder {self.path} cannot be searched: {error.strerror}",
                        hint="check the path, and that this user may read it",
                        folder=str(self.path),
                    ) from error
                self._skipped[prefix.removesuffix("/")] = f"cannot be listed: {error.strerror}"
                continue
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                name = prefix + entry.name
                if entry.is_dir(follow_symlinks=False):
                    waiting.append((name + "/", Path(entry.path)))
                elif self._counts(name) and entry.is_file(follow_symlinks=False):
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except OSError:
                        continue  # gone since
                    yield name, FileState(status.st_mtime_ns, status.st_size, status.st_ino)

    def _counts(self, name: str) -> bool:
        if os.path.splitext(name)[1].lower() not in SUFFIXES:  # noqa: PTH122 - for every file, many times
            return False
        return self._glob is None or fnmatchcase(name, self._glob) or PurePath(name).match(self._glob)

    def _names(self, found: Mapping[str, FileState]) -> dict[str, str]:
        if found.keys() == self._found_ids.keys():
            return self._found_ids
        ids: dict[str, str] = {}
        taken: set[str] = set()
        for name in found:
            path = f"{self._location}/{name}"
            id_ = document_id(path)
            if id_ in taken:
                id_ += "_" + hashlib.sha256(os.fsencode(path)).hexdigest()[:8]
            taken.add(id_)
            ids[name] = id_
        return ids

    def _read(self, name: str, id_: str, state: FileState) -> Document | None:
        path = self.path / name
        self._damaged.pop(name, None)
        if state.size > self._max_file_bytes:
            self._skipped[name] = f"is over {self._max_file_bytes:,} bytes"
            return None
        try:
            content = path.read_bytes()
        except OSError as error:
            self._skipped[name] = f"cannot be read: {error.strerror}"
            return None
        try:
            body = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            self._damaged[name] = f"is no UTF-8 at byte {error.start:,}; what is wrong was replaced"
            body = content.decode("utf-8-sig", "replace")
        folded = body.casefold() if self._tags else ""
        if not all(tag in folded for tag in self._tags):
            return None
        return Document(
            id=id_, url=_printable(str(path)), title=_printable(Path(name).stem), body=body, tags=_tags(body)
        )


def _printable(path: str) -> str:
    """A path whose bytes may be no text, as text."""
    return os.fsencode(path).decode("utf-8", "replace")


def document_id(path: str) -> str:
    """The id of the document at ``path``: its letters and digits, in lower case."""
    return _OTHER.sub("_", f"ripgrep_{path}").lower().strip("_")


def describe(body: str, query: str) -> str:
    """One line of ``body`` that shows where ``query``, or one of its words, stands; else its first line.

    It is the first line that is not blank of those that ripgrep would show: up to three before the match.
    """
    start = 0
    for pattern in (re.escape(query.strip()), "|".join(map(re.escape, query.split()))):
        if pattern and (match := re.search(pattern, body, re.IGNORECASE)):
            start = match.start()
            break
    for _ in range(_CONTEXT + 1):
        start = body.rfind("\n", 0, start)
        if start < 0:
            break
    for line in _lines(body, start + 1):
        if text := line.strip():
            return text if len(text) <= _DESCRIPTION else text[: _DESCRIPTION - 3] + "..."
    return ""


def _lines(text: str, start: int) -> Iterator[str]:
    while start <= len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield text[start:end]
        start = end + 1


def _tags(body: str) -> tuple[str, ...]:
    found = (tag.strip().lstrip("#") for match in _TAGS.finditer(body) for tag in match[1].split(","))
    return tuple(dict.fromkeys(tag for tag in found if tag))
