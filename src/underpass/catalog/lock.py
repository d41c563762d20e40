"""What is trusted of each server, held against what it says now."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from underpass.catalog.changes import changed_parts, only_extended
from underpass.catalog.definition import Change, Listing, ToolDefinition
from underpass.catalog.digest import definition, tool_digest
from underpass.catalog.lock_file import LOCK_NAME, LockFile, Servers, Trusted

_LOG = logging.getLogger("underpass.lock")


class ToolLock:
    """The lock file beside a configuration. Every method blocks, and may be called by any thread.

    A tool is trusted as it is when it is first seen, and from then on only as it was. That holds for a
    tool that a known server adds later, too. A tool that is gone stays in the file, so that it cannot
    come back as another one.

    Parameters:
        config: the configuration file; the lock file stands beside it.
    """

    def __init__(self, config: Path) -> None:
        self.config = config.absolute()
        self.file = LockFile(self.config.parent / LOCK_NAME)
        self.unwritable: str | None = None
        """Why what was first seen could not be recorded."""
        self._known: tuple[tuple[int, int, int] | None, Servers] | None = None
        self._stamps: dict[str, tuple[int, int, int] | None] = {}

    def check(self) -> None:
        """Raise ``ConfigError`` when there is a lock file that cannot be used."""
        self.file.read()

    def pin(self, server: str, listing: Listing) -> Listing:
        """Return the listing with every tool as it is trusted; record the tools that are new.

        Raises:
            ConfigError: there is a lock file that cannot be used.
        """
        self._stamps[server] = self.file.stamp()
        servers = self._read(self._stamps[server])
        if server not in servers or any(tool.name not in servers[server] for tool in listing.tools):
            servers = self._record(server, listing)
            self._stamps[server] = self.file.stamp()
        trusted = servers[server]
        changes = tuple(change for change in compare(server, trusted, listing) if change.kind != "new")
        if not changes:
            return listing
        kinds = {change.tool: change.kind for change in changes}
        tools = (_pinned(tool, trusted[tool.name], kinds.get(tool.name)) for tool in listing.tools)
        return replace(listing, tools=tuple(tool for tool in tools if tool is not None), changes=changes)

    def is_outdated(self, server: str) -> bool:
        """Whether the file was written since ``pin`` read it for this server."""
        return self._stamps.get(server) != self.file.stamp()

    def trusted(self) -> Servers | None:
        """Return what is trusted, by server and tool; None without a lock file. Raises ``ConfigError``."""
        return self.file.read()

    def accept(self, listings: Mapping[str, Listing], tool: str | None = None) -> None:
        """Trust the servers' tools as they are listed here, and forget those that are gone.

        Parameters:
            tool: of these servers, this tool alone.

        Raises:
            ConfigError: there is a lock file that cannot be used.
            OSError: it cannot be written.
        """
        with self.file.held():
            servers = self.file.read() or {}
            for server, listing in listings.items():
                found = as_trusted(listing)
                if tool is None:
                    servers[server] = found
                    continue
                kept = servers.setdefault(server, {})
                kept.pop(tool, None)
                if tool in found:
                    kept[tool] = found[tool]
            self.file.write(servers)

    def _read(self, stamp: tuple[int, int, int] | None) -> Servers:
        """Read the file, once for all servers that are listed while it stays the same."""
        known = self._known
        if known is None or stamp is None or known[0] != stamp:
            known = self._known = (stamp, self.file.read() or {})
        return known[1]

    def _record(self, server: str, listing: Listing) -> Servers:
        """Trust the tools that are not known yet."""
        servers: Servers = {}
        try:
            with self.file.held():
                # Another process may have written meanwhile.
                servers = self.file.read() or {}
                servers[server] = as_trusted(listing) | servers.get(server, {})
                self.file.write(servers)
                self.unwritable = None
        except OSError as error:
            # A configuration in a read-only place still works; `underpass doctor` tells of it.
            self.unwritable = f"{self.file.path} cannot be written: {error.strerror or error}"
            _LOG.warning("%s: later changes of %s would not be noticed", self.unwritable, server)
            servers[server] = as_trusted(listing) | servers.get(server, {})
        return servers


def compare(server: str, trusted: Mapping[str, Trusted], listing: Listing) -> list[Change]:
    """Return how a listing differs from what is trusted: its own tools first, in their order."""
    changes: list[Change] = []
    for tool in listing.tools:
        digest = tool_digest(tool)
        kept = trusted.get(tool.name)
        if kept is None:
            changes.append(Change(server, tool.name, "new", found=digest))
        elif kept.digest != digest:
            found, before = definition(tool), kept.definition
            kind = "extended" if before is not None and only_extended(before, found) else "changed"
            parts = () if before is None else changed_parts(before, found)
            changes.append(Change(server, tool.name, kind, parts, kept.digest, digest))
    listed = {tool.name for tool in listing.tools}
    changes += (
        Change(server, name, "removed", trusted=kept.digest)
        for name, kept in sorted(trusted.items())
        if name not in listed
    )
    return changes


def as_trusted(listing: Listing) -> dict[str, Trusted]:
    """Return the tools of a listing as a lock file keeps them."""
    return {tool.name: Trusted.of(tool) for tool in listing.tools}


def _pinned(tool: ToolDefinition, trusted: Trusted, kind: str | None) -> ToolDefinition | None:
    # Refusing the call is not enough: text that nobody accepted must not reach a model either.
    if kind is None:
        return tool
    if trusted.definition is None:
        return None
    pinned = ToolDefinition.from_json(tool.server, trusted.definition)
    return replace(pinned, meta=tool.meta) if kind == "extended" else pinned
