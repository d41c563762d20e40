"""Results that were too large for an answer, as MCP resources: ``underpass://results/{agent}/{handle}``."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote, unquote

from anyio import to_thread
from mcp.server import Server, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    BlobResourceContents,
    ListResourcesResult,
    ListResourceTemplatesResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextResourceContents,
)

from underpass.errors import UnderpassError
from underpass.server.tenancy.names import TenantNames
from underpass.workspace.kept import FOLDER, KeptResult, KeptResults

Context = ServerRequestContext[Any]
_ROOT: Final = "underpass://results/"
_TEMPLATE: Final = ResourceTemplate(
    name="result",
    title="A kept result",
    uri_template=f"{_ROOT}{{agent}}/{{handle}}",
    description="A value that was too large for an answer of run_code, whole, by its handle.",
)
_LISTED: Final = 100
_MOST: Final = 1 << 20
"""Bytes of a result that is given whole; a larger one is for programs, or for the command line."""


class ResultResources:
    """Answers the three methods of resources of an MCP server.

    Parameters:
        kept: where the results are.
        names: what the agents of the client behind a request are called; by default as they are.
    """

    def __init__(self, kept: KeptResults, names: Callable[[Context], TenantNames] | None = None) -> None:
        self._kept = kept
        self._names = names or _nobody

    def offer(self, server: Server[Any]) -> None:
        """Let a server answer them."""
        server.add_request_handler("resources/list", PaginatedRequestParams, self._list)
        server.add_request_handler("resources/templates/list", PaginatedRequestParams, self._templates)
        server.add_request_handler("resources/read", ReadResourceRequestParams, self._read)

    async def _list(self, context: Context, _params: PaginatedRequestParams) -> ListResourcesResult:
        names = self._names(context)
        found = await to_thread.run_sync(self._newest, names)
        return ListResourcesResult(resources=[_resource(each, names.outside(each.agent)) for each in found])

    def _newest(self, names: TenantNames) -> list[KeptResult]:
        agents = filter(names.owns, self._kept.agents())
        every = [each for agent in agents for each in self._kept.list(agent)]
        return sorted(every, key=lambda each: each.modified, reverse=True)[:_LISTED]

    async def _templates(
        self, _context: ServerRequestContext[Any], _params: PaginatedRequestParams
    ) -> ListResourceTemplatesResult:
        return ListResourceTemplatesResult(resource_templates=[_TEMPLATE])

    async def _read(self, context: Context, params: ReadResourceRequestParams) -> ReadResourceResult:
        uri = params.uri
        agent, _, handle = uri.removeprefix(_ROOT).partition("/")
        if not uri.startswith(_ROOT) or not handle:
            raise MCPError(
                code=INVALID_PARAMS,
                message=f"no resource has the address {uri!r:.300}; they are {_TEMPLATE.uri_template}",
            )

        def read() -> tuple[KeptResult, bytes]:
            inside = self._names(context).inside(unquote(agent))
            return self._kept.read(inside, unquote(handle), most=_MOST)

        try:
            found, content = await to_thread.run_sync(read)
        except UnderpassError as error:
            raise MCPError(
                code=INVALID_PARAMS, message=f"{error.message}; {error.hint}", data=error.to_dict()
            ) from error
        return ReadResourceResult(contents=[_contents(uri, found, content)])


def _nobody(_context: Context) -> TenantNames:
    return TenantNames(None)


def _resource(kept: KeptResult, agent: str) -> Resource:
    name = kept.handle.removeprefix(f"{FOLDER}/")
    return Resource(
        name=kept.handle,
        uri=f"{_ROOT}{quote(agent)}/{quote(name)}",
        mime_type=kept.mime_type,
        size=kept.bytes,
    )


def _contents(uri: str, kept: KeptResult, content: bytes) -> TextResourceContents | BlobResourceContents:
    try:
        return TextResourceContents(uri=uri, mime_type=kept.mime_type, text=content.decode())
    except UnicodeDecodeError:
        blob = base64.b64encode(content).decode()
        return BlobResourceContents(uri=uri, mime_type=kept.mime_type, blob=blob)
