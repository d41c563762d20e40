"""The client's side of skills over MCP: what servers offer, and how it comes into a library."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal, Protocol, cast

import anyio
import anyio.to_thread

from underpass.catalog.hidden import hidden_in
from underpass.catalog.upstream import Method
from underpass.errors import (
    SkillInvalid,
    SkillNotFound,
    SkillRefused,
    ToolNotFound,
    UnderpassError,
)
from underpass.skills.format.folder import FolderInvalid, invalid
from underpass.skills.format.layout import reading_of
from underpass.skills.mcp.approved import Remembered
from underpass.skills.mcp.offer import Offer, OfferedFile, differences, read_entry
from underpass.skills.mcp.wire import SKILL, NotUsable, root_of
from underpass.skills.seams import SkillStore
from underpass.skills.skill import Scope, Skill, SkillDraft, Status

MOST_PAGES: Final = 100
MOST_SKILLS: Final = 1_000
"""Skills of one server that are listed."""
_SECONDS: Final = 30.0
_SHOWN: Final = 300
_ORIGIN: Final = "imported"

State = Literal["offered", "approved", "changed"]
"""``changed``: it was approved, and what is offered now differs from that."""


class RequestSource(Protocol):
    """The part of a catalog that offers need."""

    @property
    def names(self) -> tuple[str, ...]: ...

    async def request(
        self,
        server: str,
        method: Method,
        params: Mapping[str, Any],
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the server is told when it passes
    ) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Offered:
    """A skill that a server offers, and whether a person has approved what it is now."""

    offer: Offer
    state: State
    differences: tuple[str, ...] = ()
    """How its files differ from those that were approved."""


@dataclass(frozen=True, slots=True)
class OfferListing:
    """What servers offer. ``problems`` says by server what could not be taken, and why."""

    skills: tuple[Offered, ...]
    problems: Mapping[str, tuple[str, ...]]


class SkillOffers:
    """Skills that connected servers offer. They are data: nothing of them runs, and no model is told of
    them, before a person has approved one.

    A skill is told by its server's configured name together with its URI: two servers may offer the same
    URI. One that gives itself rights (``allowed-tools``) is refused.

    Parameters:
        catalog: asks the servers. Files of a skill are asked of its own server only.
        store: where approved skills are saved.
        folder: where it is remembered what was shown and approved.
    """

    def __init__(self, catalog: RequestSource, store: SkillStore, folder: Path) -> None:
        self._catalog = catalog
        self._store = store
        self._remembered = Remembered(folder / "offers.json")

    async def list(self, servers: Collection[str] | None = None) -> OfferListing:
        """Ask servers what skills they offer. Entries are read, and no file of a skill.

        Servers are started for it; one that does not speak the extension offers nothing.

        Parameters:
            servers: by default all that are configured.
        """
        found: dict[str, list[Offer]] = {}
        problems: dict[str, tuple[str, ...]] = {}

        async def ask(server: str) -> None:
            faults: list[str] = []
            try:
                found[server] = await self._listed(server, faults)
            except UnderpassError as error:
                faults.append(error.message)
            if faults:
                problems[server] = tuple(_visible(fault) for fault in faults[:100])

        names = self._catalog.names if servers is None else tuple(servers)
        async with anyio.create_task_group() as tasks:
            for server in names:
                tasks.start_soon(ask, server)
        offers = [offer for server in names for offer in found.get(server, ())]
        skills = await anyio.to_thread.run_sync(self._judged, offers)
        return OfferListing(tuple(skills), {name: problems[name] for name in names if name in problems})

    async def get(self, server: str, uri: str) -> Offered:
        """Ask a server for the entry of one skill, whether it is listed or not.

        Raises:
            SkillInvalid: the URI or the entry breaks the rules.
            SkillNotFound: the server offers no such skill.
            ServerNotFound, ToolError: it could not be asked.
        """
        offer = await self._get(server, uri)
        return (await anyio.to_thread.run_sync(self._judged, [offer]))[0]

    async def read(self, offer: Offer, path: str = SKILL) -> bytes:
        """Return a file of an offered skill, to look at; it is what the entry says, byte by byte.

        Raises:
            SkillNotFound: the entry has no such file.
            SkillRefused: the server gave something else (``skill``, ``differences``).
            ServerNotFound, ToolError: it could not be asked.
        """
        file = next((each for each in offer.files if each.path == path), None)
        if file is None:
            raise SkillNotFound(
                f"the offered skill {offer.name!r} has no file {path[:_SHOWN]!r}",
                hint=f"there are: {', '.join(each.path for each in offer.files[:20])}",
                skill=offer.name,
            )
        content = await self._content(offer, file)
        if path == SKILL:
            _check_head(offer, content)
        return content

    async def approve(
        self,
        server: str,
        uri: str,
        digest: str,
        *,
        scope: Scope = "user",
        agent: str = "default",
        status: Status = "active",
    ) -> Skill:
        """Take an offered skill into a library, with where it comes from.

        The approval is for the whole set of files that was shown, and for nothing else: where the server
        offers another by now, or gives other content, nothing is saved.

        Parameters:
            digest: ``Offer.digest`` of what the person has seen.
            scope: the library.
            agent: whose, where it is an agent's.
            status: ``review`` to look at the saved skill once more.

        Raises:
            SkillRefused: it is not what was approved (``differences``), or a skill of another origin has
                its name.
            SkillInvalid: its files are not a skill that programs can call.
            SkillNotFound, SkillNotSaved, ServerNotFound, ToolError
        """
        offer = await self._get(server, uri)
        if offer.digest != digest:
            seen = await anyio.to_thread.run_sync(self._remembered.files, "shown", server, uri)
            raise _refused(offer, differences(seen or (), offer.files))
        await anyio.to_thread.run_sync(self._check_name, offer, agent)
        files = {each.path: await self._content(offer, each) for each in offer.files}
        _check_head(offer, files[SKILL])
        draft = _draft(offer, files)
        skill = await anyio.to_thread.run_sync(partial(self._store.save, draft, scope, agent, status=status))
        await anyio.to_thread.run_sync(self._remembered.note, "approved", [offer])
        return skill

    async def _listed(self, server: str, faults: list[str]) -> list[Offer]:
        offers: dict[str, Offer] = {}
        cursor: str | None = None
        seen: set[str] = set()
        for _ in range(MOST_PAGES):
            page = await self._page(server, cursor)
            if page is None:
                return []
            entries, cursor = page
            for entry in entries:
                if len(offers) == MOST_SKILLS:
                    faults.append(f"more than {MOST_SKILLS:,} skills are offered: the rest is left out")
                    return list(offers.values())
                try:
                    offer = read_entry(server, entry)
                except NotUsable as error:
                    faults.append(str(error))
                    continue
                if offers.setdefault(offer.uri, offer) is not offer:
                    faults.append(f"{offer.name}: its URI is listed twice; the first one counts")
            if cursor is None:
                return list(offers.values())
            if cursor in seen:
                faults.append("a cursor came twice: the listing ends there")
                return list(offers.values())
            seen.add(cursor)
        faults.append(f"the listing is cut after {MOST_PAGES} pages")
        return list(offers.values())

    async def _page(self, server: str, cursor: str | None) -> tuple[list[object], str | None] | None:
        params = {} if cursor is None else {"cursor": cursor}
        try:
            page = await self._catalog.request(server, "skills/list", params, timeout=_SECONDS)
        except ToolNotFound:
            return None
        entries, after = page.get("skills"), page.get("nextCursor")
        if not isinstance(entries, list):
            return [], None
        return cast("list[object]", entries), after if isinstance(after, str) and after else None

    async def _get(self, server: str, uri: str) -> Offer:
        try:
            root_of(uri)
            answer = await self._catalog.request(server, "skills/get", {"uri": uri}, timeout=_SECONDS)
            return _same(uri, read_entry(server, answer.get("skill")))
        except NotUsable as error:
            raise SkillInvalid(
                _visible(f"server {server!r} offers no usable skill: {error}"),
                hint="tell who runs the server",
                skill=_visible(uri[:_SHOWN]),
                problems=[_visible(str(error))],
            ) from error
        except UnderpassError as error:
            # ToolFailed with the code of invalid parameters: the answer for what is not offered.
            if isinstance(error, ToolNotFound) or error.data.get("code") == -32602:
                raise SkillNotFound(
                    _visible(f"server {server!r} offers no skill at {uri[:_SHOWN]}"),
                    hint="a listing shows what it offers",
                    skill=_visible(uri[:_SHOWN]),
                ) from error
            raise

    async def _content(self, offer: Offer, file: OfferedFile) -> bytes:
        params = {"uri": file.uri}
        answer = await self._catalog.request(offer.server, "resources/read", params, timeout=_SECONDS)
        content = _bytes_of(answer.get("contents"), file)
        if content is None or hashlib.sha256(content).hexdigest() != file.digest:
            what = "cannot be read" if content is None else f"is another ({len(content):,} bytes)"
            raise _refused(offer, (f"{file.path} {what}; the entry says {file.size:,} bytes",))
        return content

    def _judged(self, offers: list[Offer]) -> list[Offered]:
        judged: list[Offered] = []
        for offer in offers:
            approved = self._remembered.files("approved", offer.server, offer.uri)
            changes = differences(approved or (), offer.files)
            if approved is None:
                judged.append(Offered(offer, "offered"))
            else:
                judged.append(Offered(offer, "changed" if changes else "approved", changes))
        self._remembered.note("shown", offers)
        return judged

    def _check_name(self, offer: Offer, agent: str) -> None:
        """Refuse what would take the name of a skill of another origin."""
        entries = {entry.name: entry for entry in self._store.entries(agent)}
        if offer.name not in entries:
            return
        origin: Mapping[str, str] = {}
        with suppress(UnderpassError):
            origin = self._store.find(offer.name, agent).draft.provenance
        if (origin.get("server"), origin.get("uri")) != (offer.server, offer.uri):
            raise SkillRefused(
                f"there is a skill {offer.name!r} already, of another origin than {offer.server!r}",
                hint=f"archive or rename the one in the {entries[offer.name].scope} library first",
                skill=offer.name,
                digest=offer.digest,
            )


def _same(uri: str, offer: Offer) -> Offer:
    if offer.uri != uri:
        raise NotUsable(f"the server answers with another skill, {offer.uri[:_SHOWN]!r}")
    return offer


def _draft(offer: Offer, files: Mapping[str, bytes]) -> SkillDraft:
    try:
        draft = reading_of(files, offer.name, "user", Path(offer.name)).skill.draft
    except FolderInvalid as error:
        raise invalid(offer.name, error.problems) from error
    # What it says of its own origin is not taken over.
    origin = {"origin": _ORIGIN, "server": offer.server, "uri": offer.uri, "digest": offer.digest}
    return replace(draft, provenance=origin)


def _check_head(offer: Offer, content: bytes) -> None:
    from underpass.skills.mcp.head import head_of

    try:
        head = head_of(content)
    except NotUsable as error:
        raise invalid(offer.name, [f"{SKILL}: {error}"]) from error
    if hidden_in(json.dumps(head, ensure_ascii=False)):
        raise invalid(offer.name, [f"{SKILL}: its head has characters that a person does not see"])
    if head != offer.frontmatter:
        said = offer.frontmatter
        keys = sorted(key for key in head.keys() | said.keys() if head.get(key) != said.get(key))
        raise _refused(offer, tuple(f"{SKILL}: {key} is not what the entry says" for key in keys))


def _bytes_of(contents: object, file: OfferedFile) -> bytes | None:
    """Return a file's bytes out of an answer; None where it has none, other ones, or more."""
    parts = cast("list[object]", contents) if isinstance(contents, list) else []
    if len(parts) != 1 or not isinstance(parts[0], dict):
        return None
    part = cast("dict[str, Any]", parts[0])
    text, blob = part.get("text"), part.get("blob")
    if part.get("uri") != file.uri:
        return None
    if isinstance(text, str) and len(text) <= file.size:
        return text.encode("utf-8", "surrogatepass")
    if isinstance(blob, str) and len(blob) <= file.size * 4 // 3 + 4:
        try:
            return base64.b64decode(blob, validate=True)
        except ValueError:
            return None
    return None


def _refused(offer: Offer, changes: tuple[str, ...]) -> SkillRefused:
    shown = "; ".join(changes[:5]) + (f"; and {len(changes) - 5} more" if len(changes) > 5 else "")
    return SkillRefused(
        f"skill {offer.name!r} of server {offer.server!r} is not what was approved: {shown or 'nothing was'}",
        hint="look at what it is now, and approve that",
        skill=offer.name,
        digest=offer.digest,
        differences=list(changes),
    )


def _visible(text: str) -> str:
    # A server's words must not move a terminal's cursor, nor hide.
    return "".join(letter if letter.isprintable() else f"\\u{{{ord(letter):x}}}" for letter in text)[:1_000]
