"""The tools of one server: from its manifest until it runs, then from itself; always as they are trusted."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import anyio
import anyio.to_thread

from underpass.catalog.definition import Change, Listing
from underpass.catalog.lock import ToolLock, as_trusted, compare
from underpass.catalog.manifest_cache import Manifest, ManifestFile
from underpass.catalog.upstream import Upstream
from underpass.errors import ConfigError, ServerUnavailable

_LOG = logging.getLogger("underpass.catalog")
_SHORTEST_TTL = 60.0
"""Seconds. A server that lets a listing hold for less would be listed with each call."""
_STORED_AGAIN = 24 * 3600.0
"""Seconds after which a manifest is written again though nothing has changed."""
_SHOWN = 10


OnNews = Callable[[str, tuple[Change, ...]], Awaitable[None]]
"""Is told how the tools of a server, by its name, have changed since they were listed before."""


class ServerTools:
    """What is known of one server's tools, and how fresh that is.

    Parameters:
        upstream: gives the server; called when it has to be asked.
        life: tells the number of the server's present life, None while it does not run. A server that
            has none, because it is an object of this process, is asked once.
        lock: what is trusted.
        manifest: where the listing is kept for later processes.
    """

    def __init__(
        self,
        name: str,
        upstream: Callable[[], Upstream],
        life: Callable[[], int | None],
        *,
        lives: bool,
        lock: ToolLock | None,
        manifest: ManifestFile | None,
        told: OnNews | None = None,
    ) -> None:
        self._name = name
        self._upstream = upstream
        self._life = life
        self._lives = lives
        self._lock = lock
        self._file = manifest
        self._told = told
        self._asking = anyio.Lock()
        self._manifest: Manifest | None = None
        """The tools as they were given last: what is not trusted is in here, too."""
        self._stamp: tuple[int, int, int] | None = None
        self._served: Listing | None = None
        self._listed_in: int | None = None
        """The life of the server in which it was asked last."""
        self._stale = False
        """Whether the server said that its tools changed, and was not asked since."""
        self._renewing = False
        """Whether it is being asked because it said so."""
        self.error: ServerUnavailable | None = None
        """Why the server could not be asked, the last time."""

    def known(self) -> Listing | None:
        """Return the tools as far as they are known without asking the server."""
        self._read()
        return self._served

    @property
    def manifest(self) -> Manifest | None:
        """The tools as they were given last, when that was, and what was new then."""
        self._read()
        return self._manifest

    @property
    def failed(self) -> ServerUnavailable | None:
        """Why nothing is known, where that was tried already."""
        return self.error if self.known() is None else None

    async def listing(self) -> Listing:
        """Return the tools as they are trusted. The server is started only if they are not known.

        When the server said that they changed, it is asked again first.

        Raises:
            ServerUnavailable: they are not known, and the server could not be started or listed.
        """
        if (settled := self.settled()) is not None:
            return settled
        known = self.known()
        try:
            return await self.ready()
        except ServerUnavailable:
            if known is None:
                raise
            return known  # its state tells of the error

    def settled(self) -> Listing | None:
        """Return what ``listing`` would, if nobody has to be asked for it."""
        known = self.known()
        return None if (self._stale or self._renewing) and self._runs() else known

    async def ready(self) -> Listing:
        """Return the tools as the server lists them in its present life, which begins if need be.

        What differs from an earlier life is noticed so before a call is made.

        Raises:
            ServerUnavailable: the server could not be started or listed.
        """
        if (listing := self._current()) is None:
            async with self._asking:
                if (listing := self._current()) is None:
                    listing = await self._ask()
        return listing

    async def fresh(self) -> Listing:
        """Ask the server now, whatever is known. Raises ``ServerUnavailable``."""
        async with self._asking:
            return await self._ask()

    async def renewed(self) -> None:
        """Ask the server if its tools changed or its listing expired. Raises ``ServerUnavailable``."""
        async with self._asking:
            if self._runs() and (self._stale or self.is_expired()):
                await self._ask()

    def changed(self) -> None:
        """Note that the server said that its tools changed."""
        self._stale = True

    def is_expired(self) -> bool:
        """Whether the time is over for which the server said that its listing holds."""
        manifest = self._manifest
        if manifest is None or (ttl := manifest.listing.origin.ttl) is None:
            return False
        # A listing from the future was made before the clock went back.
        return not 0 <= time.time() - manifest.listed_at < max(ttl, _SHORTEST_TTL)

    def _runs(self) -> bool:
        return self._life() is not None

    def _current(self) -> Listing | None:
        """The tools, if the server was asked in its present life and has not announced others since."""
        self._repin()
        if self._served is None or self._stale or self._renewing or (self._lives and self._listed_in is None):
            return None
        return self._served if not self._lives or self._life() == self._listed_in else None

    def _read(self) -> None:
        """Take up what this process or another has stored, while the server does not run here."""
        if self._file is not None and not self._runs() and self._file.stamp() != self._stamp:
            self._stamp = self._file.stamp()
            if (manifest := self._file.load()) is not None:
                self._manifest = manifest
                self._serve_pinned(manifest.listing)
        self._repin()

    def _repin(self) -> None:
        """Look at the lock file again: another process may have accepted changes."""
        served, lock = self._served, self._lock
        if served is None or not served.changes or lock is None or not lock.is_outdated(self._name):
            return
        assert self._manifest is not None
        self._serve_pinned(self._manifest.listing)

    async def _ask(self) -> Listing:
        self._read()
        before = self._manifest
        # Before asking: they may change again meanwhile.
        self._stale, self._renewing = False, self._stale
        try:
            found = await self._upstream().list_tools()
            life = self._life()
            pinned = await anyio.to_thread.run_sync(self._pinned, found)
        except ServerUnavailable as error:
            self.error = error
            self._stale = self._stale or self._renewing
            raise
        finally:
            self._renewing = False
        self.error = None
        self._listed_in = life
        news = () if before is None else tuple(compare(self._name, as_trusted(before.listing), found))
        now = time.time()
        if news:
            self._manifest = Manifest(found, now, news, now)
            _LOG.warning("the tools of %s changed: %s", _visible(self._name), in_words(news))
            if self._told is not None:
                await self._told(self._name, news)
        else:
            self._manifest = (
                Manifest(found, now) if before is None else replace(before, listing=found, listed_at=now)
            )
        self._serve(pinned)
        if self._file is not None and _is_worth_storing(before, self._manifest):
            await anyio.to_thread.run_sync(self._file.store, self._manifest)
            self._stamp = self._file.stamp()
        return self._served or pinned

    def _pinned(self, listing: Listing) -> Listing:
        if self._lock is None:
            return listing
        try:
            return self._lock.pin(self._name, listing)
        except ConfigError as error:
            raise ServerUnavailable(error.message, hint=error.hint, server=self._name) from error

    def _serve_pinned(self, listing: Listing) -> None:
        try:
            self._serve(self._pinned(listing))
        except ServerUnavailable as error:  # the lock file cannot be used: nothing is to be trusted
            self.error, self._served = error, None

    def _serve(self, listing: Listing) -> None:
        # Who made something of the same tools can go on using it.
        if self._served != listing:
            self._served = listing


def _is_worth_storing(before: Manifest | None, now: Manifest) -> bool:
    # The same again says nothing new, and other files depend on this one.
    return (
        before is None
        or replace(before, listed_at=now.listed_at) != now
        or before.listing.origin != now.listing.origin
        or now.listed_at - before.listed_at > _STORED_AGAIN
    )


def in_words(changes: tuple[Change, ...]) -> str:
    """Say how a listing differs from the one before, on one line."""
    kinds = {"new": "added", "changed": "changed", "extended": "extended", "removed": "gone"}
    parts: list[str] = []
    for kind, word in kinds.items():
        names = [_visible(change.tool)[:80] for change in changes if change.kind == kind]
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        if names:
            parts.append(f"{word} {', '.join(names[:_SHOWN])}{more}")
    return "; ".join(parts)


def _visible(text: str) -> str:
    # Names are a server's words: they must not move a terminal's cursor, nor hide.
    return "".join(char if char.isprintable() else f"\\u{{{ord(char):x}}}" for char in text)
