"""Results that were too large for an answer, as MCP resources: ``underpass://results/{agent}/{handle}``."""

from __future__ import annotations

import base64
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
from underpass.workspace.kept import FOLDER, KeptResult, KeptResults

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
    """

    def __init__(self, kept: KeptResults) -> None:
        self._kept = kept

    def offer(self, server: Server[Any]) -> None:
        """Let a server answer them."""
        server.add_request_handler("resources/list", PaginatedRequestParams, self._list)
        server.add_request_handler("resources/templates/list", PaginatedRequestParams, self._templates)
        server.add_request_handler("resources/read", ReadResourceRequestParams, self._read)

    async def _list(
        self, _context: ServerRequestContext[Any], _params: PaginatedRequestParams
    ) -> ListResourcesResult:
        found = await to_thread.run_sync(self._newest)
        return ListResourcesResult(resources=[_resource(each) for each in found])

    def _newest(self) -> list[KeptResult]:
        every = [each for agent in self._kept.agents() for each in self._kept.list(agent)]
        return sorted(every, key=lambda each: each.modified, reverse=True)[:_LISTED]

    async def _templates(
        self, _context: ServerRequestContext[Any], _params: PaginatedRequestParams
    ) -> ListResourceTemplatesResult:
        return ListResourceTemplatesResult(resource_templates=[_TEMPLATE])

    async def _read(
        self, _context: ServerRequestContext[Any], params: ReadResourceRequestParams
    ) -> ReadResourceResult:
        uri = params.uri
        agent, _, handle = uri.removeprefix(_ROOT).partition("/")
        if not uri.startswith(_ROOT) or not handle:
            raise MCPError(
                code=INVALID_PARAMS,
                message=f"no resource has the address {uri!r:.300}; they are {_TEMPLATE.uri_template}",
            )

        def read() -> tuple[KeptResult, bytes]:
            return self._kept.read(unquote(agent), unquote(handle), most=_MOST)

        try:
            found, content = await to_thread.run_sync(read)
        except UnderpassError as error:
            raise MCPError(
                code=INVALID_PARAMS, message=f"{error.message}; {error.hint}", data=error.to_dict()
            ) from error
        return ReadResourceResult(contents=[_contents(uri, found, content)])


def _resource(kept: KeptResult) -> Resource:
    name = kept.handle.removeprefix(f"{FOLDER}/")
    return Resource(
        name=kept.handle,
        uri=f"{_ROOT}{quote(kept.agent)}/{quote(name)}",
        mime_type=kept.mime_type,
        size=kept.bytes,
    )


def _contents(uri: str, kept: KeptResult, content: bytes) -> TextResourceContents | BlobResourceContents:
    try:
        return TextResourceContents(uri=uri, mime_type=kept.mime_type, text=content.decode())
    except UnicodeDecodeError:
        blob = base64.b64encode(content).decode()
        return BlobResourceContents(uri=uri, mime_type=kept.mime_type, blob=blob)
