"""Build a thesaurus from a folder of Markdown files: Logseq's ``synonyms::`` lines."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, cast

from terraphim.errors import FolderUnreadable
from terraphim.pages import Page, read
from terraphim.thesaurus import Concept, Thesaurus

MARKDOWN_SUFFIXES = frozenset({".md", ".markdown", ".mdown", ".mdwn", ".mkd", ".mkdn", ".mdx"})

# What tells one state of a file from another: when it was written, its size, its inode.
Signature = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class FolderWarning:
    """A file or folder that was left out, or read in part.

    Parameters:
        path: relative to the folder.
        reason: one sentence.
    """

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class FolderChange:
    """What a refresh found, as paths relative to the folder, sorted.

    Parameters:
        added: files that are new.
        changed: files that were read again.
        removed: files that are gone.
        thesaurus_changed: whether the terms differ from before.
    """

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    thesaurus_changed: bool


class KnowledgeGraphFolder:
    """A folder of Markdown files as a thesaurus.

    A file with ``synonyms:: a, b`` lines is a concept, named by its stem in lower case. Its first heading is
    the display name. Concepts are numbered from 1 in the order of their names, so that the numbers do not
    depend on the order of files. A term of two files belongs to the file whose path is later. Hidden files,
    links, and the backups in a Logseq folder do not count.

    Parameters:
        path: the folder; files below it count, at any depth.
        name: the thesaurus's name; the folder's by default.
        snapshot: what an earlier ``snapshot`` returned; files that have not changed since are not read.

    Raises:
        FolderUnreadable: the folder is missing, is no folder, or cannot be listed.
    """

    def __init__(self, path: Path, *, name: str | None = None, snapshot: Any = None) -> None:
        self._path = path
        self._name = path.resolve().name if name is None else name
        self._unlisted: list[FolderWarning] = []
        restored = dict(_restored(snapshot))
        self._signatures = {file: signature for file, (signature, _) in restored.items()}
        self._pages = {file: page for file, (_, page) in restored.items()}
        self._thesaurus = Thesaurus(self._name, {})
        self.refresh()

    @property
    def thesaurus(self) -> Thesaurus:
        """The terms as of the last refresh; the same object until they change."""
        return self._thesaurus

    @property
    def warnings(self) -> tuple[FolderWarning, ...]:
        """What was left out, sorted by path."""
        of_files = [FolderWarning(file, page.warning) for file, page in self._pages.items() if page.warning]
        return tuple(sorted(self._unlisted + of_files, key=lambda warning: warning.path))

    def refresh(self) -> FolderChange:
        """Look at the folder again; only files whose time or size changed are read.

        Raises FolderUnreadable, as at the start.
        """
        self._unlisted = []
        found = dict(self._files())
        if found == self._signatures and self._thesaurus.terms:
            return FolderChange((), (), (), thesaurus_changed=False)
        removed = sorted(self._signatures.keys() - found.keys())
        added = sorted(found.keys() - self._signatures.keys())
        kept = found.keys() & self._signatures.keys()
        changed = sorted(file for file in kept if found[file] != self._signatures[file])
        for file in removed:
            del self._pages[file]
        for file in [*added, *changed]:
            self._pages[file] = read(self._path / file)
        self._signatures = found
        terms = self._terms()
        differs = terms != self._thesaurus.terms
        if differs:
            self._thesaurus = Thesaurus(self._name, terms)
        return FolderChange(tuple(added), tuple(changed), tuple(removed), differs)

    def snapshot(self) -> Any:
        """What the files say, as a JSON value; a later start then reads only what has changed."""
        return [
            [file, *self._signatures[file], page.synonyms, page.heading, page.warning]
            for file, page in sorted(self._pages.items())
        ]

    def _files(self) -> Iterator[tuple[str, Signature]]:
        folders = [""]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(self._path / folder) as entries:
                    listed = list(entries)
            except OSError as error:
                self._note_unlisted(folder, error)
                continue
            # Logseq keeps its settings, and old versions of pages, in a folder of this name.
            if folder.endswith("logseq/") and any(entry.name == "config.edn" for entry in listed):
                continue
            for entry in listed:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(f"{folder}{entry.name}/")
                elif _is_markdown(entry):
                    status = entry.stat(follow_symlinks=False)
                    yield folder + entry.name, (status.st_mtime_ns, status.st_size, status.st_ino)

    def _note_unlisted(self, folder: str, error: OSError) -> None:
        if not folder:
            raise FolderUnreadable(
                f"The knowledge-graph folder {str(self._path)!r} cannot be listed: {error.strerror}.",
                hint="Give a folder of Markdown files that this user may read.",
                folder=str(self._path),
            ) from error
        self._unlisted.append(FolderWarning(folder, f"The folder cannot be listed: {error.strerror}."))

    def _terms(self) -> dict[str, Concept]:
        pages = [(_concept_name(file), page) for file, page in sorted(self._pages.items())]
        concepts = [(name, page) for name, page in pages if page.synonyms is not None]
        headings: dict[str, str] = {}
        for name, page in concepts:
            if page.heading is not None:
                headings.setdefault(name, page.heading)
        numbered = {
            name: Concept(
                number, name, display_value=headings[name] if headings.get(name, name) != name else None
            )
            for number, name in enumerate(sorted({name for name, _ in concepts}), start=1)
        }
        terms: dict[str, Concept] = {}
        for name, page in concepts:
            for term in (name, *(page.synonyms or ())):
                terms[term] = numbered[name]
        return terms


def _is_markdown(entry: os.DirEntry[str]) -> bool:
    suffix = PurePosixPath(entry.name).suffix.lower()
    return suffix in MARKDOWN_SUFFIXES and entry.is_file(follow_symlinks=False)


def _concept_name(file: str) -> str:
    return PurePosixPath(file).stem.strip().lower()


def _restored(snapshot: Any) -> Iterator[tuple[str, tuple[Signature, Page]]]:
    """The rows of a snapshot that are laid out as ours are; a file of any other is read again."""
    for row in cast("list[Any]", snapshot) if isinstance(snapshot, list) else []:
        match row:
            case [
                str(file),
                int(written),
                int(size),
                int(inode),
                [*_] | None as synonyms,
                str() | None as heading,
                str() | None as warning,
            ]:
                words = None if synonyms is None else tuple(str(word) for word in cast("list[Any]", synonyms))
                yield file, ((written, size, inode), Page(words, heading, warning))
            case _:
                pass
