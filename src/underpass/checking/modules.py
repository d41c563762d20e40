"""The modules that a program names, on disk where a checker finds them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import anyio
import anyio.to_thread

from underpass.catalog.definition import Listing, ToolDefinition
from underpass.codegen.modules import ServerModules
from underpass.discovery.directory import ListingSource
from underpass.errors import ServerUnavailable


class Notation(Protocol):
    """How the generated modules of one language are named and laid out for a checker."""

    package: str
    """The folder of the generated package."""
    index: str
    """The file in a server's folder that stands for the server."""

    def identifiers(self, servers: Iterable[str]) -> dict[str, str]:
        """Return the name of each server in code."""
        ...

    def mentioned(self, code: str, packages: Iterable[str]) -> set[str]:
        """Return those of ``packages`` that a program surely imports."""
        ...

    def words(self, code: str) -> set[str]:
        """Return every word of a program."""
        ...

    def modules(self, server: str, listing: Listing) -> ServerModules:
        """Return the generated modules of a server."""
        ...

    def shared(self) -> Mapping[str, str]:
        """Return the files that stand beside the servers, by path."""
        ...

    def root(self, known: Iterable[str], unknown: Iterable[str]) -> Mapping[str, str]:
        """Return the index of the package: servers that are on disk, and others, which may be anything."""
        ...

    def usage(self, tool: ToolDefinition, function: str) -> str:
        """Return how a tool is called, in one line, without what it returns."""
        ...

    def classes(self, text: str) -> Mapping[str, Sequence[str]]:
        """Return the names of the object types in a tool's module, with their keys."""
        ...

    def anything(self, package: str) -> Mapping[str, str]:
        """Return the files of a server of which nothing is known."""
        ...


@dataclass(slots=True)
class KnownServer:
    """A server whose modules are on disk, as far as programs named them."""

    listing: Listing
    notation: Notation
    modules: ServerModules
    tools: dict[str, ToolDefinition]
    """By the name of the function."""
    texts: dict[str, str] = field(default_factory=dict[str, str])
    """The tools' modules that are on disk, by the name of the function."""
    _usages: dict[str, str] = field(default_factory=dict[str, str])

    def classes(self, words: Collection[str]) -> dict[str, list[str]]:
        """Return the keys of each object type of the tools that a program with these words may call."""
        found: dict[str, list[str]] = {}
        for function in sorted(self.texts.keys() & words):
            for name, keys in self.notation.classes(self.texts[function]).items():
                listed = found.setdefault(name, [])
                listed += (key for key in keys if key not in listed)
        return found

    def usage(self, function: str) -> str:
        """Return how a tool is called, without what it returns."""
        if function not in self._usages:
            self._usages[function] = self.notation.usage(self.tools[function], function)
        return self._usages[function]


def there_are(names: Iterable[str]) -> str:
    """Return a few of ``names`` as an answer to somebody who named another."""
    listed = sorted(names)
    more = f" and {len(listed) - 12} more" if len(listed) > 12 else ""
    return f"there are: {', '.join(listed[:12])}{more}" if listed else "there are none"


@dataclass(frozen=True, slots=True)
class Changes:
    """Files that were written or removed."""

    created: tuple[Path, ...] = ()
    changed: tuple[Path, ...] = ()
    removed: tuple[Path, ...] = ()


class CheckedModules:
    """The generated package of a catalog on disk, growing with what programs name.

    Parameters:
        source: the catalog. A server is listed when a program imports it, as the run would do next.
        folder: the project that the checker looks at.
    """

    def __init__(self, source: ListingSource, folder: Path, notation: Notation) -> None:
        self._source = source
        self._folder = folder
        self._notation = notation
        self._root = folder / notation.package
        self.packages = {package: name for name, package in notation.identifiers(source.names).items()}
        """The configured name of each server, by its name in code."""
        self.known: dict[str, KnownServer] = {}
        self._anything: set[str] = set()
        self._begun = False
        self._lock = anyio.Lock()

    async def listings(self, code: str) -> dict[str, Listing | None]:
        """Return what a program's servers list, by their name in code; None for one that cannot be asked."""
        if self._notation.package not in code:
            return {}
        found: dict[str, Listing | None] = {}

        async def ask(package: str) -> None:
            try:
                found[package] = await self._source.listing(self.packages[package])
            except ServerUnavailable:
                found[package] = None

        named = self._notation.mentioned(code, self.packages)
        if len(named) == 1:
            await ask(*named)
        elif named:
            async with anyio.create_task_group() as tasks:
                for package in named:
                    tasks.start_soon(ask, package)
        return found

    async def write(self, code: str, listings: Mapping[str, Listing | None]) -> Changes:
        """Make the folder hold what a program names, and return what was written for it."""
        words = self._notation.words(code) if listings or self.known else set[str]()
        async with self._lock:
            if not self._begun or any(
                self._is_missing(*each, words) for each in self._wanted(listings, words)
            ):
                return await anyio.to_thread.run_sync(self._write, listings, words)
        return Changes()

    def _wanted(
        self, listings: Mapping[str, Listing | None], words: set[str]
    ) -> Iterable[tuple[str, Listing | None]]:
        yield from listings.items()
        for package in words & self.known.keys() - listings.keys():
            yield package, self.known[package].listing

    def _is_missing(self, package: str, listing: Listing | None, words: set[str]) -> bool:
        known = self.known.get(package)
        if listing is None:
            return known is None and package not in self._anything
        if known is None or known.listing is not listing:
            return True
        return any(word not in known.texts for word in words & known.tools.keys())

    def _write(self, listings: Mapping[str, Listing | None], words: set[str]) -> Changes:
        files: dict[str, str] = {}
        if not self._begun:
            files |= self._notation.shared()
        for package, listing in self._wanted(listings, words):
            if not self._is_missing(package, listing, words):
                continue
            if listing is None:
                self._anything.add(package)
                files |= self._notation.anything(package)
            else:
                files |= self._server(package, listing, words)
        on_disk = sorted({*self.known, *self._anything})
        files |= self._notation.root(on_disk, sorted(self.packages.keys() - set(on_disk)))
        created: list[Path] = []
        changed: list[Path] = []
        for name, text in files.items():
            path = self._root / name
            (changed if path.exists() else created).append(path)
            if not path.parent.exists():
                # A checker remembers of a folder that it was not there.
                created.append(path.parent)
                path.parent.mkdir(parents=True)
            path.write_text(text, "utf-8")
        self._begun = True
        return Changes(tuple(created), tuple(changed))

    def _server(self, package: str, listing: Listing, words: set[str]) -> dict[str, str]:
        files: dict[str, str] = {}
        known = self.known.get(package)
        if known is None or known.listing is not listing:
            modules = self._notation.modules(self.packages[package], listing)
            functions = {function: name for name, function in modules.functions.items()}
            tools = {tool.name: tool for tool in listing.tools}
            known = KnownServer(
                listing,
                self._notation,
                modules,
                {function: tools[name] for function, name in functions.items()},
            )
            self.known[package] = known
            self._anything.discard(package)
            files[f"{package}/{self._notation.index}"] = modules.source(modules.layout.index) or ""
        for function in words & known.tools.keys() - known.texts.keys():
            path = f"_{function}{known.modules.layout.suffix}"
            if (text := known.modules.source(path)) is not None:
                known.texts[function] = text
                files[f"{package}/{path}"] = text
        return files
