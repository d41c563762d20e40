"""Lets skills be imported whose tools are what they were, or whose cases pass with what they are now."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

import anyio
import anyio.to_thread

from underpass.catalog.definition import Listing, ToolDefinition
from underpass.catalog.digest import tool_digest
from underpass.discovery.directory import ListingSource
from underpass.errors import ServerNotFound, ServerUnavailable, SkillStale
from underpass.skills.drift.differences import Drift, drift_of, find, split
from underpass.skills.drift.projection import contradiction, projected
from underpass.skills.drift.record import DriftRecord
from underpass.skills.seams import CaseResult
from underpass.skills.skill import Case, Skill, SkillDraft

_KNOWN: Final = 10_000
"""Skills whose admission is remembered: the last."""
_SHOWN: Final = 5


class Rehearses(Protocol):
    """Runs recorded cases."""

    async def rehearse(self, draft: SkillDraft, agent: str = "") -> Sequence[CaseResult]:
        """Run all cases of ``draft`` as one of the skills of ``agent``."""
        ...


@dataclass(frozen=True, slots=True)
class _Now:
    """The tools of a skill as they are."""

    drifts: tuple[Drift, ...]
    lock: Mapping[str, str]
    """The digest of each, by ``server.tool``."""
    listings: Mapping[str, Listing]
    """That were looked at, by server."""
    changed: Mapping[tuple[str, str], tuple[Mapping[str, Any], ToolDefinition]]
    """The tools whose earlier definition is known."""


class DriftAdmission:
    """Decides about each skill before it is imported; it is ``Admission``.

    A skill whose tools have changed is stale: its cases are run again, with the modules as they are
    generated now. Where they pass, that is remembered for these files of the skill and these definitions of
    the tools, and the files stay as they are.

    Parameters:
        source: the tools as they are.
        rehearsal: runs the cases.
        folder: where it is remembered.
    """

    def __init__(self, source: ListingSource, rehearsal: Rehearses, folder: Path) -> None:
        self._source = source
        self._rehearsal = rehearsal
        self._record = DriftRecord(folder)
        self._admitted: OrderedDict[str, Mapping[str, Listing]] = OrderedDict()
        """By the skill's digest: the listings with which it was."""
        self._refused: OrderedDict[str, tuple[Mapping[str, str], SkillStale]] = OrderedDict()
        """The same: the tools with which its cases failed, and what was said."""
        self._locks: dict[str, anyio.Lock] = {}

    async def admit(self, skill: Skill, agent: str) -> None:
        """Return where ``skill`` may be imported, at once where nothing has changed.

        Raises:
            SkillStale: a tool is gone or changed and the cases do not pass any more (``tools``, with the
                ``parts`` that changed, and ``cases``); it waits for trust; or its server is not connected.
            SandboxUnavailable, Overloaded: there is no sandbox for the cases.
        """
        if not skill.draft.tools or await self._is_known(skill):
            return
        lock = self._locks.setdefault(skill.digest, anyio.Lock())
        try:
            async with lock:
                # Whoever was here before has found it out.
                if not await self._is_known(skill):
                    await self._decide(skill, agent)
        finally:
            if not lock.statistics().tasks_waiting:
                self._locks.pop(skill.digest, None)

    async def look(self, skill: Skill) -> tuple[Drift, ...]:
        """Return how a skill's tools differ from those that it was tested with; no case is run."""
        return (await self._now(skill)).drifts

    async def verify(self, skill: Skill, agent: str) -> Sequence[CaseResult]:
        """Run the cases of a skill now, whatever is remembered, and remember that they passed.

        Raises:
            SkillStale: a server is not connected, or a tool waits for trust.
        """
        now = await self._now(skill)
        _refuse_unreachable(skill, now.drifts)
        results = await self._run(skill, agent, now)
        if results and all(result.passed for result in results):
            await self._admit(skill, now)
        return results

    def close(self) -> None:
        """Let the file go."""
        self._record.close()

    async def _is_known(self, skill: Skill) -> bool:
        listings = self._admitted.get(skill.digest)
        if listings is None:
            return False
        for server, listing in listings.items():
            try:
                if await self._source.listing(server) is not listing:
                    return False
            except (ServerNotFound, ServerUnavailable):
                return False
        self._admitted.move_to_end(skill.digest)
        return True

    async def _decide(self, skill: Skill, agent: str) -> None:
        now = await self._now(skill)
        if not now.drifts:
            await self._admit(skill, now)
            return
        _refuse_unreachable(skill, now.drifts)
        refused = self._refused.get(skill.digest)
        if refused is not None and refused[0] == now.lock:
            raise refused[1].with_traceback(None)
        results = await self._run(skill, agent, now)
        if results and all(result.passed for result in results):
            await self._admit(skill, now)
            return
        error = _stale(skill, now.drifts, results)
        self._refused[skill.digest] = (now.lock, error)
        if len(self._refused) > _KNOWN:
            self._refused.popitem(last=False)
        raise error

    async def _run(self, skill: Skill, agent: str, now: _Now) -> Sequence[CaseResult]:
        cases = tuple(projected(case, now.changed) for case in skill.draft.cases)
        # The library decides who sees what of an agent's: its own skill sees the skills beside it.
        results = await self._rehearsal.rehearse(replace(skill.draft, cases=cases), agent)
        return [
            _judged(case, result, contradiction(of_now, now.changed))
            for case, of_now, result in zip(skill.draft.cases, cases, results, strict=True)
        ]

    async def _admit(self, skill: Skill, now: _Now) -> None:
        self._admitted[skill.digest] = now.listings
        self._refused.pop(skill.digest, None)
        if len(self._admitted) > _KNOWN:
            self._admitted.popitem(last=False)
        await anyio.to_thread.run_sync(self._keep, skill, now)

    def _keep(self, skill: Skill, now: _Now) -> None:
        tools: list[ToolDefinition] = []
        for name, digest in now.lock.items():
            pair = split(name, tuple(now.listings))
            if pair is None or self._record.definition(digest) is not None:
                continue
            if (tool := find(now.listings[pair[0]], pair[1])) is not None:
                tools.append(tool)
        if tools:
            self._record.keep(tools)
        if now.drifts:
            self._record.verified(skill.digest, now.lock)

    async def _now(self, skill: Skill) -> _Now:
        trusted = await anyio.to_thread.run_sync(partial(self._record.lock, skill.digest))
        trusted = trusted or skill.draft.tools
        drifts: list[Drift] = []
        lock: dict[str, str] = {}
        listings: dict[str, Listing] = {}
        changed: dict[tuple[str, str], tuple[Mapping[str, Any], ToolDefinition]] = {}
        missing: set[str] = set()
        for name, digest in trusted.items():
            pair = split(name, self._source.names)
            server = name.rpartition(".")[0] if pair is None else pair[0]
            if server in missing:
                continue
            listing = await self._listing(server)
            if pair is None or isinstance(listing, str):
                missing.add(server)
                why = listing if isinstance(listing, str) else ""
                drifts.append(Drift(server, "", "not connected", detail=why))
                continue
            listings[server] = listing
            tool = find(listing, pair[1])
            lock[name] = digest if tool is None or not digest else tool_digest(tool)
            if (
                drift := drift_of(server, pair[1], digest, listing, await self._before(digest, tool))
            ) is not None:
                drifts.append(drift)
            # The answers are those of the tool with which the case was recorded, however often it was tested.
            recorded = await self._before(skill.draft.tools.get(name, ""), tool)
            if tool is not None and recorded is not None:
                changed[pair] = (recorded, tool)
        return _Now(tuple(drifts), lock, listings, changed)

    async def _listing(self, server: str) -> Listing | str:
        """Return a server's tools, or why there are none."""
        try:
            return await self._source.listing(server)
        except (ServerNotFound, ServerUnavailable) as error:
            return error.message

    async def _before(self, digest: str, tool: ToolDefinition | None) -> Mapping[str, Any] | None:
        """Return what a tool was, where it is something else now and that is known."""
        if tool is None or not digest or tool_digest(tool) == digest:
            return None
        return await anyio.to_thread.run_sync(self._record.definition, digest)


def _judged(case: Case, result: CaseResult, contradicted: str) -> CaseResult:
    detail = result.detail or contradicted
    return CaseResult(case, passed=not detail, detail=detail)


def _refuse_unreachable(skill: Skill, drifts: Sequence[Drift]) -> None:
    out = [drift for drift in drifts if drift.kind in {"not connected", "not trusted"}]
    if not out:
        return
    hints = {
        "not connected": f"connect it (`underpass add`), or do without the skill: {out[0].server}",
        "not trusted": f"a person has to look at it: `underpass trust {out[0].name}`",
    }
    raise SkillStale(
        f"skill {skill.name!r} cannot be used: {_listed(out)}",
        hint=hints[out[0].kind],
        skill=skill.name,
        tools=[drift.to_dict() for drift in out],
        servers=sorted({drift.server for drift in out}),
        cases=[],
    )


def _stale(skill: Skill, drifts: Sequence[Drift], results: Sequence[CaseResult]) -> SkillStale:
    failed = [
        {"case": number, "arguments": dict(result.case.arguments), "detail": result.detail}
        for number, result in enumerate(results, 1)
        if not result.passed
    ]
    why = (
        f"case {failed[0]['case']} fails: {failed[0]['detail']}"
        if failed
        else "it has no recorded case, so that nobody knows whether it still works"
    )
    return SkillStale(
        f"skill {skill.name!r} is stale: {_listed(drifts)}; {why}",
        hint="correct its code and save it again, use an older version, or call the tools directly",
        skill=skill.name,
        tools=[drift.to_dict() for drift in drifts],
        cases=failed[:_SHOWN],
    )


def _listed(drifts: Sequence[Drift]) -> str:
    more = f" and {len(drifts) - _SHOWN} more" if len(drifts) > _SHOWN else ""
    return "; ".join(drift.in_words() for drift in drifts[:_SHOWN]) + more
