"""What servers listed, kept on disk: nobody has to start one in order to know its tools."""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import NoneType
from typing import Any, Final, cast

import orjson

from underpass.catalog.definition import Change, Finding, Listing, Origin, ToolDefinition
from underpass.catalog.digest import definition
from underpass.catalog.edit import write_atomically
from underpass.catalog.spec import ServerSpec
from underpass.catalog.stamp import Stamp, stamp_of

_LOG = logging.getLogger("underpass.catalog")
_FORMAT: Final = 1
_KINDS: Final[dict[str, tuple[type, ...]]] = {
    "name": (str,),
    "description": (str,),
    "title": (str, NoneType),
    "inputSchema": (dict, bool),
    "outputSchema": (dict, bool, NoneType),
    "annotations": (dict,),
    "_meta": (dict,),
}
_KEPT_DAYS: Final = 30
"""Manifests of other entries of the same server are kept so long: other configurations may have them."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A server's tools as it gave them last: nothing here is trusted yet."""

    listing: Listing
    listed_at: float
    """Seconds since 1970."""
    news: tuple[Change, ...] = ()
    """How the listing differed from the one before, the last time that it did."""
    news_at: float | None = None


class ManifestCache:
    """A folder with one file for each server and entry. No method raises for what is on the disk.

    Any number of processes may use one folder: a file is replaced in one step, and the last one counts.

    Parameters:
        folder: made when the first manifest is stored.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.unwritable: str | None = None
        """Why the last manifest could not be stored."""

    def of(self, spec: ServerSpec) -> ManifestFile:
        """Return the place of one server's manifest."""
        return ManifestFile(self, self._folder, spec)


class ManifestFile:
    """The manifest of one server, as it is configured now."""

    def __init__(self, cache: ManifestCache, folder: Path, spec: ServerSpec) -> None:
        self._cache = cache
        self._server = spec.name
        self._entry = entry_digest(spec)
        # The name alone could be no file name, or differ from another by its case only.
        words = re.sub(r"[^a-z0-9]+", "-", spec.name.lower()).strip("-")[:40]
        self._stem = f"{words}-{hashlib.sha256(spec.name.encode('utf-8', 'replace')).hexdigest()[:8]}"
        self.path = folder / f"{self._stem}-{self._entry[:16]}.json"

    def stamp(self) -> Stamp | None:
        """What changes with each write; None while there is no file."""
        return stamp_of(self.path)

    def load(self) -> Manifest | None:
        """Return the manifest; None where there is none, or none that can be read, which is logged."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            return self._unusable(error.strerror or str(error))
        try:
            read = orjson.loads(content)
            if (read["format"], read["server"], read["entry"]) != (_FORMAT, self._server, self._entry):
                return self._unusable("it is of another version, or of another server")
            return _manifest(self._server, read)
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
            return self._unusable(f"{type(error).__name__}: {error}")

    def store(self, manifest: Manifest) -> None:
        """Write the manifest. Where nothing can be written, ``ManifestCache.unwritable`` tells why."""
        content = {
            "format": _FORMAT,
            "server": self._server,
            "entry": self._entry,
            "listed_at": manifest.listed_at,
            "origin": asdict(manifest.listing.origin),
            "tools": [{**definition(tool), "_meta": tool.meta} for tool in manifest.listing.tools],
            "findings": [asdict(finding) for finding in manifest.listing.findings],
            "news": [asdict(change) for change in manifest.news],
            "news_at": manifest.news_at,
        }
        try:
            write_atomically(self.path, orjson.dumps(content).decode())
            self._forget_old()
        except (OSError, orjson.JSONEncodeError) as error:
            self._cache.unwritable = f"{self.path} cannot be written: {error}"
            _LOG.debug("%s", self._cache.unwritable)
        else:
            self._cache.unwritable = None

    def _forget_old(self) -> None:
        oldest = time.time() - _KEPT_DAYS * 24 * 3600
        for other in self.path.parent.glob(f"{self._stem}-*.json"):
            if other != self.path and other.stat().st_mtime < oldest:
                other.unlink(missing_ok=True)

    def _unusable(self, why: str) -> None:
        _LOG.warning("%s is not used, and will be written anew: %s", self.path, why)


def entry_digest(spec: ServerSpec) -> str:
    """Return the SHA-256 of what says which server is started; values of secrets are no part of it."""
    entry = {
        "transport": spec.transport,
        "command": spec.command,
        "args": spec.args,
        "env": sorted(spec.env),
        "cwd": None if spec.cwd is None else str(spec.cwd),
        "url": spec.url,
        "headers": sorted(spec.headers),
    }
    text = repr(entry)  # any text of a configuration can be written so, lone surrogates as well
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()


def _manifest(server: str, read: Mapping[str, Any]) -> Manifest:
    """Build a manifest; raises one of the errors that ``load`` takes for a damaged file."""
    origin = read["origin"]
    listing = Listing(
        tools=tuple(_tool(server, entry) for entry in read["tools"]),
        findings=tuple(Finding(**finding) for finding in read["findings"]),
        origin=Origin(origin["name"], origin["version"], origin["protocol"], origin["ttl"]),
    )
    news = tuple(
        replace(Change(**change), parts=tuple(change["parts"]))
        for change in cast("list[dict[str, Any]]", read["news"])
    )
    at = read["news_at"]
    return Manifest(listing, float(read["listed_at"]), news, None if at is None else float(at))


def _tool(server: str, entry: Any) -> ToolDefinition:
    for key, kinds in _KINDS.items():
        if not isinstance(entry[key], kinds):
            raise TypeError(f"{key} of a tool is malformed")
    return ToolDefinition.from_json(server, entry)
