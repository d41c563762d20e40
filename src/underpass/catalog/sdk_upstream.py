"""An ``Upstream`` on the official SDK: listings and calls over one connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import anyio
import mcp_types as types
from mcp import Client
from mcp.shared.dispatcher import ProgressFnT
from mcp.shared.exceptions import MCPError

from underpass.catalog.bounded_body import TOO_LARGE
from underpass.catalog.connection import STDERR_IN_ERRORS, Attempt, Connection
from underpass.catalog.definition import Listing, Origin
from underpass.catalog.framing import Oversized
from underpass.catalog.outcome import Unreadable, read_outcome
from underpass.catalog.raw_results import raw_of
from underpass.catalog.requests import is_offered, not_offered, send
from underpass.catalog.tolerance import Tolerance
from underpass.catalog.upstream import Method, Progress, ToolOutcome, tool_timeout
from underpass.errors import ServerUnavailable, ToolFailed, ToolLimitExceeded, ToolUnavailable

MAX_PAGES = 100
"""Pages of one listing; a server that always has another is cut off here."""


class SdkUpstream:
    """One configured server.

    Parameters:
        listing_timeout: seconds for all pages of a listing.
        max_result_bytes: what ``connection`` was told; for messages.
    """

    def __init__(self, connection: Connection, *, listing_timeout: float, max_result_bytes: int) -> None:
        self.name = connection.name
        self._connection = connection
        self._listing_timeout = listing_timeout
        self._max_result_bytes = max_result_bytes

    async def list_tools(self) -> Listing:
        attempt = await self._connection.started()
        tolerance = Tolerance(self.name)
        try:
            with attempt.use, anyio.fail_after(self._listing_timeout):
                ttl = await self._read_pages(attempt, tolerance)
        except TimeoutError:
            raise self._connection.unavailable(
                attempt, f"did not list its tools within {self._listing_timeout:g} s"
            ) from None
        except MCPError as error:
            if error.code == types.METHOD_NOT_FOUND:
                return Listing()
            what = await self._connection.how_ended(attempt, error)
            raise self._connection.unavailable(
                attempt, what or f"could not list its tools: {error.message}"
            ) from error
        origin = _origin(attempt.client, ttl)
        return Listing(tuple(tolerance.tools), tuple(tolerance.findings), origin=origin)

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any],
        *,
        timeout: float,  # noqa: ASYNC109 - part of the call; the server is told when it passes
        progress: Progress | None = None,
    ) -> ToolOutcome:
        attempt = await self._started(name)
        assert attempt.client is not None
        facts: dict[str, Any] = {"server": self.name, "tool": name}
        try:
            # Leaving this block early makes the SDK tell the server that the call is off.
            with (
                attempt.use,
                anyio.fail_after(timeout) as scope,
                attempt.elicitations.during(name, scope),
            ):
                result = await attempt.client.call_tool(
                    name, dict(arguments), progress_callback=cast("ProgressFnT | None", progress)
                )
        except TimeoutError:
            raise tool_timeout(self.name, name, timeout) from None
        except MCPError as error:
            raise await self._call_error(attempt, error, facts) from error
        except (RuntimeError, ValueError) as error:
            raise ToolFailed(
                f"{self.name}.{name} gave no valid result: {str(error)[:500]}", **facts
            ) from error
        raw = raw_of(result.meta)
        try:
            return read_outcome(_as_json(result) if raw is None else raw)
        except Unreadable as error:
            raise ToolFailed(f"{self.name}.{name} gave no valid result: {error}", **facts) from error

    async def request(
        self,
        method: Method,
        params: Mapping[str, Any],
        *,
        timeout: float,  # noqa: ASYNC109 - as above
    ) -> Mapping[str, Any]:
        attempt = await self._started(method)
        assert attempt.client is not None
        facts: dict[str, Any] = {"server": self.name, "tool": method}
        if not is_offered(attempt.client.server_capabilities, method):
            raise not_offered(self.name, method)
        try:
            with attempt.use, anyio.fail_after(timeout):
                return await send(attempt.client, method, params)
        except TimeoutError:
            raise tool_timeout(self.name, method, timeout) from None
        except MCPError as error:
            if error.code == types.METHOD_NOT_FOUND:
                raise not_offered(self.name, method) from error
            raise await self._call_error(attempt, error, facts) from error
        except (RuntimeError, ValueError) as error:
            raise ToolFailed(
                f"{self.name}: {method} gave no valid result: {str(error)[:500]}", **facts
            ) from error

    async def _started(self, tool: str) -> Attempt:
        try:
            return await self._connection.started()
        except ServerUnavailable as error:
            raise ToolUnavailable(error.message, hint=error.hint, **{**error.data, "tool": tool}) from error

    async def _read_pages(self, attempt: Attempt, tolerance: Tolerance) -> float | None:
        """Read every page; return for how many seconds the shortest-lived of them holds, if any says so."""
        assert attempt.client is not None
        cursor: str | None = None
        ttls: list[float] = []
        seen: set[str] = set()
        for _ in range(MAX_PAGES):
            page = await attempt.client.list_tools(cursor=cursor)
            raw = raw_of(page.meta)
            whole = page.model_dump(by_alias=True, mode="json", exclude_none=True)
            entries = whole["tools"]
            ttls += _ttl(whole if raw is None else raw)
            if raw is not None:
                accepted = {tool["name"] for tool in entries}
                if not isinstance(raw.get("tools"), list):
                    raise self._connection.unavailable(attempt, "answered tools/list with no list of tools")
                entries = _without_rejected(raw["tools"], accepted, tolerance)
            tolerance.read(entries)
            cursor = page.next_cursor
            if cursor is None or tolerance.full:
                break
            if cursor in seen:
                tolerance.note("tools/list", "repaired", "a cursor came twice: the listing ends there")
                break
            seen.add(cursor)
        else:
            tolerance.note("tools/list", "repaired", f"the listing is cut after {MAX_PAGES} pages")
        return min(ttls, default=None)

    async def _call_error(
        self, attempt: Attempt, error: MCPError, facts: dict[str, Any]
    ) -> ToolFailed | ToolUnavailable | ToolLimitExceeded:
        if attempt.login is not None and attempt.login.problem is not None:
            refused = self._connection.unavailable(attempt, attempt.redactor.text(error.message))
            return ToolUnavailable(refused.message, hint=refused.hint, **{**refused.data, **facts})
        if isinstance(error.error.data, Oversized) or TOO_LARGE in error.message:
            return ToolLimitExceeded(
                f"{self.name}.{facts['tool']} answered with more than {self._max_result_bytes:,} bytes",
                hint="ask for less, or raise calls.max_result_bytes",
                limit="max_result_bytes",
                value=self._max_result_bytes,
                setting="calls.max_result_bytes",
                **facts,
            )
        if what := await self._connection.how_ended(attempt, error):
            return ToolUnavailable(
                f"server {self.name!r} {what} during the call of {facts['tool']}",
                hint="the next call starts it again; `underpass doctor` shows more",
                stderr=attempt.tail.text(STDERR_IN_ERRORS),
                **facts,
            )
        return ToolFailed(attempt.redactor.text(error.message)[:STDERR_IN_ERRORS], code=error.code, **facts)


def _ttl(page: Mapping[str, Any]) -> list[float]:
    ttl = page.get("ttlMs")
    return [ttl / 1000] if isinstance(ttl, int | float) and not isinstance(ttl, bool) else []


def _origin(client: Client | None, ttl: float | None) -> Origin:
    assert client is not None
    info = client.server_info
    return Origin(info and info.name, info and info.version, client.protocol_version, ttl)


def _without_rejected(entries: Sequence[object], accepted: set[str], tolerance: Tolerance) -> list[object]:
    """Leave out the tools that the SDK dropped, as the protocol asks, for malformed header annotations."""
    kept: list[object] = []
    for entry in entries:
        name = cast("dict[str, Any]", entry).get("name") if isinstance(entry, dict) else None
        if isinstance(name, str) and name not in accepted:
            tolerance.note(name, "quarantined", "its x-mcp-header annotations are invalid")
        else:
            kept.append(cast("object", entry))
    return kept


def _as_json(result: types.CallToolResult) -> dict[str, Any]:
    raw = result.model_dump(by_alias=True, mode="json", exclude_none=True)
    if "structured_content" in result.model_fields_set:
        raw["structuredContent"] = result.structured_content
    return raw
