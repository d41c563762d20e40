"""The one door out of a sandbox: every tool call of every run goes through here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import anyio

from underpass.broker.approvals.question import Asker
from underpass.broker.arguments import ArgumentValidator
from underpass.broker.blobs import BlobStore, InMemoryBlobs
from underpass.broker.cache.reads import Reads
from underpass.broker.call import Stages, ToolPrivacy
from underpass.broker.direct import Count, DirectTexts
from underpass.broker.journal.run import JournaledRun
from underpass.broker.known_tool import KnownTool
from underpass.broker.resources import Answer, Request, request_definition
from underpass.broker.run_calls import RunCalls
from underpass.broker.source import ToolSource
from underpass.catalog import Change, Finding, Listing, Progress, ToolDefinition, ToolOutcome
from underpass.catalog.digest import tool_digest
from underpass.catalog.upstream import Method, tool_timeout
from underpass.config import CallLimits
from underpass.errors import (
    ServerNotFound,
    ServerUnavailable,
    ToolChanged,
    ToolError,
    ToolFailed,
    ToolNotFound,
    ToolUnavailable,
)

Observer = Callable[[ToolDefinition], Callable[[object], None]]
"""Gives, for each tool, what its unwrapped results are shown to. That must be fast, and never raise."""


def _nobody(_tool: ToolDefinition) -> Callable[[object], None]:
    return lambda _value: None


class Broker:
    """Lets calls through to the servers of ``source``.

    Parameters:
        count: counts tokens, for what direct calls would have cost.
        limits: of the calls of one run, where ``open_run`` is given no others.
        observer: learns the shapes of results.
        stages: what every call goes through besides.
    """

    def __init__(
        self,
        source: ToolSource,
        *,
        count: Count,
        limits: CallLimits | None = None,
        observer: Observer = _nobody,
        stages: Stages | None = None,
    ) -> None:
        self.stages = stages or Stages()
        self._source = source
        self._observer = observer
        self._count = count
        self._limits = limits or CallLimits()
        self._tools: dict[str, tuple[Listing, dict[str, KnownTool]]] = {}
        self._single = anyio.Semaphore(self._limits.concurrency, fast_acquire=True)
        self.findings: list[Finding] = []
        """Schemas that turned out unusable on the first call of their tools."""

    def open_run(
        self,
        *,
        run: str = "",
        agent: str = "default",
        limits: CallLimits | None = None,
        blobs: BlobStore | None = None,
        journal: JournaledRun | None = None,
        asker: Asker | None = None,
        reads: Reads | None = None,
        session: object | None = None,
    ) -> RunCalls:
        """Begin the calls of one run.

        Parameters:
            run: its id.
            agent: whose it is.
            blobs: keeps images and files of results; by default they stay in memory.
            journal: records the calls, and answers those that a resumed run has made before.
            asker: asks a person about calls; None where nobody can be asked.
            reads: told of each call, for who wants to know what the run's result rests on.
            session: stands for the variables that the run shares with others.
        """
        direct = DirectTexts(self._count)
        limits = limits or self._limits
        blobs = blobs or InMemoryBlobs()
        return RunCalls(
            self, limits, blobs, direct, journal,
            run=run, agent=agent, asker=asker, reads=reads, session=session,
        )  # fmt: skip

    async def call(
        self,
        server: str,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        agent: str = "default",
        blobs: BlobStore | None = None,
        asker: Asker | None = None,
    ) -> Any:
        """Make one call that belongs to no run, and return its value, unwrapped.

        ``concurrency`` of the limits holds for all such calls together, and ``max_calls`` for none: who
        calls from outside is no program of a model's that could run wild. Tokens are not counted.

        Raises:
            ToolError: one of the family, by cause.
        """
        async with self._single:
            direct = DirectTexts(lambda _text: 0)
            blobs = blobs or InMemoryBlobs()
            calls = RunCalls(self, self._limits, blobs, direct, agent=agent, asker=asker)
            return await calls.call(server, tool, arguments)

    async def tool(self, server: str, name: str) -> KnownTool:
        """Return a tool ready to be called. Raises ``ToolNotFound``, ``ToolUnavailable``, ``ToolChanged``."""
        try:
            listing = await self._source.ready(server)
        except ServerNotFound as error:
            raise ToolNotFound(error.message, hint=error.hint, **error.data, tool=name) from error
        except ServerUnavailable as error:
            raise ToolUnavailable(error.message, hint=error.hint, **{**error.data, "tool": name}) from error
        known = self._tools.get(server)
        if known is None or known[0] is not listing:
            known = self._tools[server] = (listing, {})
        tools = known[1]
        if name not in tools:
            for change in listing.changes:
                if change.tool == name and change.kind == "changed":
                    raise _changed(change)
            definition = next((tool for tool in listing.tools if tool.name == name), None)
            if definition is None:
                if (found := request_definition(server, name)) is not None:
                    definition, answer = found
                    tool = KnownTool(
                        definition,
                        ArgumentValidator(definition),
                        lambda _value: None,
                        answer,
                        privacy=self.privacy(server, name),
                    )
                    return tools.setdefault(name, tool)
                raise ToolNotFound.named(server, name, (tool.name for tool in listing.tools))
            tools[name] = KnownTool(
                definition,
                ArgumentValidator(definition),
                self._observer(definition),
                digest=tool_digest(definition),
                privacy=self.privacy(server, name),
            )
            if fault := tools[name].validator.fault:
                self.findings.append(Finding(server, name, "repaired", fault))
        return tools[name]

    def privacy(self, server: str, name: str) -> ToolPrivacy | None:
        """Return what is done about a tool's personal data; None where that is nothing."""
        return None if self.stages.privacy is None else self.stages.privacy.about(server, name)

    async def dispatch(
        self,
        known: KnownTool,
        arguments: Mapping[str, Any],
        limits: CallLimits,
        progress: Progress | None,
        blobs: BlobStore,
    ) -> ToolOutcome:
        """Send a call that has passed every check."""
        tool = known.definition
        try:
            if known.answer is not None:
                return await self._request(known.answer, tool, arguments, limits, blobs)
            return await self._source.call(
                tool.server, tool.name, arguments, timeout=limits.timeout, progress=progress
            )
        except ToolError:
            raise
        except Exception as error:
            # A library user's own upstream may raise anything; code in the sandbox catches a ToolError.
            raise ToolFailed(
                f"{type(error).__name__}: {error}", server=tool.server, tool=tool.name
            ) from error

    async def _request(
        self,
        answer: Answer,
        tool: ToolDefinition,
        arguments: Mapping[str, Any],
        limits: CallLimits,
        blobs: BlobStore,
    ) -> ToolOutcome:
        async def send(method: Method, params: Mapping[str, Any]) -> Mapping[str, Any]:
            return await self._source.request(tool.server, method, params, timeout=limits.timeout)

        # All pages of a listing together have the time of one call.
        with anyio.move_on_after(limits.timeout):
            return await answer(Request(tool, arguments, send, blobs, limits.max_result_bytes))
        raise tool_timeout(tool.server, tool.name, limits.timeout)


def _changed(change: Change) -> ToolChanged:
    # Parts by name only: the text itself may be made for a model to read.
    what = ", ".join(change.parts) or "its definition"
    return ToolChanged(
        f"{change.server}.{change.tool} is no longer the tool that was trusted: {what} changed",
        hint=f"a person has to look at it: `underpass trust {change.server}.{change.tool}`",
        server=change.server,
        tool=change.tool,
        parts=list(change.parts),
        trusted=change.trusted,
        found=change.found,
    )
