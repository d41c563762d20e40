"""Where a role's terms come from, kept as their source is."""

from __future__ import annotations

from pathlib import Path

import anyio.to_thread

from terraphim import thesaurus as thesauri
from terraphim.builder import KnowledgeGraphFolder
from terraphim.config import Places, Role
from terraphim.pace import MANY_FILES, Pace
from terraphim.thesaurus import Thesaurus


class Terms:
    """Where a role's thesaurus comes from: a file or address (``automata_path``), else a folder."""

    def __init__(self, name: str, role: Role, places: Places) -> None:
        self._name = name
        self._places = places
        self._source = role.kg.automata_path if role.kg else None
        local = role.kg.knowledge_graph_local if role.kg else None
        if self._source is None and local is not None and local.input_type == "json":
            self._source = local.path
        self._folder = local.path if local is not None and local.input_type == "markdown" else None
        self._loaded: tuple[object, Thesaurus] | None = None
        self._built: KnowledgeGraphFolder | None = None
        self._pace = Pace()

    async def current(self) -> Thesaurus | None:
        """The terms as they are now; the same object until they change. None for a role without a graph.

        Raises:
            ThesaurusUnavailable, ThesaurusInvalid, FolderUnreadable: they cannot be had.
        """
        if self._source is not None:
            return await self._from_file(self._source)
        if self._folder is not None:
            return await anyio.to_thread.run_sync(self._from_folder, self._folder)
        return None

    async def _from_file(self, source: str) -> Thesaurus:
        remote = "://" in source
        place = source if remote else str(self._places.resolve(source))
        mark = place if remote else await anyio.to_thread.run_sync(_mark, Path(place))
        if self._loaded is None or self._loaded[0] != mark:
            self._loaded = (mark, await thesauri.load(place))
        return self._loaded[1]

    def _from_folder(self, folder: str) -> Thesaurus:
        if self._built is None:
            self._built = KnowledgeGraphFolder(self._places.resolve(folder), name=self._name)
            return self._built.thesaurus
        if not self._pace.due():
            return self._built.thesaurus
        began = self._pace.now()
        self._built.refresh()
        if len(self._built.thesaurus) > MANY_FILES:
            self._pace.done(began)
        return self._built.thesaurus


def _mark(path: Path) -> object:
    """What shows that a file is still the same; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return (str(path), status.st_mtime_ns, status.st_size, status.st_ino)
