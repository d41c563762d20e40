"""The MCP server: the seventeen tools, and every document as a resource."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any, Final

from mcp.server import Server, ServerRequestContext
from mcp.server.caching import CacheHint
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    CallToolRequestParams,
    CallToolResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextContent,
)

from terraphim.errors import RoleUnsuitable, TerraphimError
from terraphim.server import answers
from terraphim.server.arguments import Arguments
from terraphim.server.definitions import DEFINITIONS
from terraphim.server.tools import HANDLERS
from terraphim.service import Service

VERSION: Final = "0.1.0"
_FIRST_WITH_ANY_VALUE: Final = "2026-07-28"
"""The first revision in which a structured result need not be an object."""
_PAGE: Final = 50
_INSTRUCTIONS: Final = (
    "Searches folders of Markdown by a knowledge graph of concepts and their synonyms, and finds, links and "
    "completes the graph's terms. Documents are resources, too: terraphim://ID."
)
_BY_NAME: Final = {definition.name: definition for definition in DEFINITIONS}


def server(service: Service) -> Server[Any]:
    """Build the server. It reads no folder before a call needs it."""
    return _Handlers(service).server()


class _Handlers:
    def __init__(self, service: Service) -> None:
        self._service = service

    def server(self) -> Server[Any]:
        return Server(
            "terraphim-mcp",
            version=VERSION,
            title="Terraphim MCP Server",
            instructions=_INSTRUCTIONS,
            on_list_tools=self._list_tools,
            on_call_tool=self._call,
            on_list_resources=self._list_resources,
            on_list_resource_templates=self._list_templates,
            on_read_resource=self._read_resource,
            cache_hints={"tools/list": CacheHint(ttl_ms=3_600_000)},
            # No parameter travels in a header. Without this the SDK lists the tools at each call.
            get_tool_input_schema=lambda _name: None,
        )

    async def _list_tools(
        self, context: ServerRequestContext[Any], _params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        objects_only = _objects_only(context)
        return ListToolsResult(
            tools=[definition.tool(objects_only=objects_only) for definition in DEFINITIONS]
        )

    async def _call(
        self, context: ServerRequestContext[Any], params: CallToolRequestParams
    ) -> CallToolResult:
        definition = _BY_NAME.get(params.name)
        if definition is None:
            raise MCPError(code=METHOD_NOT_FOUND, message=f"Unknown tool: {params.name}")
        try:
            answer = await HANDLERS[params.name](self._service, Arguments(definition, params.arguments or {}))
        except TerraphimError as error:
            text = f"{error.message} {error.hint}" if error.hint else error.message
            return CallToolResult(content=[TextContent(type="text", text=text)], is_error=True)
        wrap = definition.wrapped and _objects_only(context)
        return CallToolResult(
            content=list(answer.content),
            structured_content={"result": answer.value} if wrap else answer.value,
            _meta=answer.meta or None,
        )

    async def _list_resources(
        self, _context: ServerRequestContext[Any], params: PaginatedRequestParams | None
    ) -> ListResourcesResult:
        try:
            documents = await self._service.documents()
        except RoleUnsuitable:
            documents = []
        except TerraphimError as error:
            raise MCPError(code=INTERNAL_ERROR, message=error.message) from error
        cursor = params.cursor if params is not None else None
        ids = [document.id for document in documents]
        start = 0 if cursor is None else bisect_right(ids, cursor)
        page = documents[start : start + _PAGE]
        return ListResourcesResult(
            resources=[
                Resource(
                    uri=answers.SCHEME + document.id,
                    name=document.title,
                    mime_type="text/markdown",
                )
                for document in page
            ],
            next_cursor=page[-1].id if start + _PAGE < len(documents) else None,
        )

    async def _list_templates(
        self, _context: ServerRequestContext[Any], _params: PaginatedRequestParams | None
    ) -> ListResourceTemplatesResult:
        template = ResourceTemplate(
            uri_template=answers.SCHEME + "{id}",
            name="document",
            title="A document by its id",
            mime_type="text/markdown",
        )
        return ListResourceTemplatesResult(resource_templates=[template])

    async def _read_resource(
        self, _context: ServerRequestContext[Any], params: ReadResourceRequestParams
    ) -> ReadResourceResult:
        uri = str(params.uri)
        document = None
        if uri.startswith(answers.SCHEME):
            document = await self._service.document(uri.removeprefix(answers.SCHEME))
        if document is None:
            raise MCPError(code=INVALID_PARAMS, message=f"Document not found: {uri}", data={"uri": uri})
        return ReadResourceResult(contents=[answers.contents(document)])


def _objects_only(context: ServerRequestContext[Any]) -> bool:
    return context.protocol_version < _FIRST_WITH_ANY_VALUE
