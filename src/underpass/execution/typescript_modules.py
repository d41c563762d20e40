"""Generated TypeScript modules, written where a sandbox reads them."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import anyio.to_thread

from underpass.catalog.definition import Listing
from underpass.codegen.observed import Observations, unobserved
from underpass.codegen.typescript import TypeScriptPackage
from underpass.codegen.typescript_literals import string
from underpass.discovery.directory import ListingSource
from underpass.errors import UnderpassError
from underpass.sandbox.deno_guest import note_use

_KEPT: Final = 7 * 86_400
"""Seconds after its last use from which a folder is removed: no run takes so long."""
_UNAVAILABLE: Final = 'import {{ ToolUnavailable }} from "mcp-runtime";\nthrow new ToolUnavailable({}, {});\n'


class TypeScriptModules:
    """The package ``mcp-servers`` of a catalog, on disk, with the servers that programs name.

    Each set of definitions has a folder of its own below ``root``: a sandbox at work keeps what it
    began with. Files are written once, before the first program that needs them runs. Each use is noted
    in the folder's own time, and what nobody has used for a week goes when another is written.

    Parameters:
        source: where the tools are listed.
        root: the folder that sandboxes see.
        observed: finds what earlier results looked like, for tools that declare none.
    """

    def __init__(self, source: ListingSource, root: Path, observed: Observations = unobserved) -> None:
        self._source = source
        self._root = root
        self._observed = observed
        self._index = TypeScriptPackage(dict.fromkeys(source.names, ()))
        self._names = {package: name for name, package in self._index.packages.items()}
        self._folders: dict[str, tuple[str, object]] = {}
        """Where the servers' files are, by the identity of the listings that they were made from, which
        are kept, so that no other gets the same."""

    @property
    def servers(self) -> Collection[str]:
        """The servers' names in code."""
        return self._names.keys()

    async def folder(self, wanted: Collection[str]) -> str:
        """Write the package, with the modules of the servers ``wanted``; returns its folder's name.

        A server that cannot be listed has a module that says so when it is imported.
        """
        listings: dict[str, Listing | UnderpassError] = {}
        for package in sorted(wanted):
            try:
                listings[package] = await self._source.listing(self._names[package])
            except UnderpassError as error:
                listings[package] = error
        key = self._key(listings)
        known = self._folders.get(key)
        if known is None or not note_use(self._root / known[0]):
            folder = await anyio.to_thread.run_sync(self._write, listings)
            known = self._folders[key] = (folder, listings)
        return known[0]

    def import_map(self, base: str) -> Mapping[str, str]:
        """Return where imports of the package lead, with ``base`` as the address of its folder."""
        return self._index.import_map(base)

    def _key(self, listings: Mapping[str, Listing | UnderpassError]) -> str:
        return " ".join(
            f"{package}={listing if isinstance(listing, UnderpassError) else id(listing)}"
            for package, listing in listings.items()
        )

    def _write(self, listings: Mapping[str, Listing | UnderpassError]) -> str:
        known = {
            self._names[package]: listing.tools
            for package, listing in listings.items()
            if isinstance(listing, Listing)
        }
        package = TypeScriptPackage(
            {**dict.fromkeys(self._source.names, ()), **known}, observed=self._observed
        )
        layout = package.modules.layout
        files = {path: package.source(path) or "" for path in (layout.index, *layout.shared)}
        for name, listing in listings.items():
            if isinstance(listing, Listing):
                made = package.server(name).files()
            else:
                made = {layout.index: _unavailable(listing)}
            files |= {f"{name}/{path}": text for path, text in made.items()}
        digest = hashlib.sha256()
        for path in sorted(files):
            digest.update(f"{path}\0{files[path]}\0".encode())
        folder = self._root / digest.hexdigest()[:24]
        if not note_use(folder):
            _write_whole(folder, files)
            _prune(self._root)
        return folder.name


def _unavailable(error: UnderpassError) -> str:
    return _UNAVAILABLE.format(string(error.message), string(error.hint))


def _prune(root: Path) -> None:
    """Remove the folders that no process has used for long, or has not finished."""
    for folder in root.iterdir():
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > _KEPT:
                shutil.rmtree(folder)


def _write_whole(folder: Path, files: Mapping[str, str]) -> None:
    """Write all files, and only then give them their place: others may read there at any time."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".making-"))
    try:
        for path, text in files.items():
            target = made / path
            target.parent.mkdir(exist_ok=True)
            target.write_text(text, encoding="utf-8")
        for path in (made, *made.rglob("*")):
            # The sandbox is another user when root started it.
            path.chmod(0o755 if path.is_dir() else 0o644)
        made.rename(folder)
    except OSError:
        shutil.rmtree(made, ignore_errors=True)
        if not folder.is_dir():
            raise
