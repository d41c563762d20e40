"""Build a thesaurus from a folder of Markdown files: Logseq's ``synonyms::`` lines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from terraphim.thesaurus import Thesaurus


@dataclass(frozen=True, slots=True)
class FolderWarning:
    """A file or folder that was left out, or read in part.

    Parameters:
        path: the file, relative to the folder.
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

    A file is a concept, named by its stem in lower case. Its synonyms stand in lines ``synonyms:: a, b``.
    Its first heading is its display name. Concepts are numbered from 1 in the order of their names, so the
    numbers do not depend on the order of files. A term of two files belongs to the file whose path is later.

    Parameters:
        path: the folder; files below it count, at any depth.
        name: the thesaurus's name; the folder's by default.

    Raises:
        FolderUnreadable: the folder is missing, is no folder, or cannot be listed.
    """

    def __init__(self, path: Path, *, name: str | None = None) -> None:
        raise NotImplementedError

    @property
    def thesaurus(self) -> Thesaurus:
        """The terms as of the last refresh; the same object until they change."""
        raise NotImplementedError

    @property
    def warnings(self) -> tuple[FolderWarning, ...]:
        """What was left out, sorted by path."""
        raise NotImplementedError

    def refresh(self) -> FolderChange:
        """Look at the folder again; only files whose time or size changed are read."""
        raise NotImplementedError
