"""The server's side of skills over MCP."""

from __future__ import annotations

import base64
from functools import partial
from typing import Any, Final, NoReturn, cast

import anyio.to_thread
from mcp.server import Server, ServerRequestContext
from mcp.server.lowlevel.server import HandlerEntry
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    BlobResourceContents,
    ListResourcesResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
    RequestParams,
    Resource,
    TextResourceContents,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from underpass.catalog.requests import SKILLS
from underpass.skills.format.names import name_problem
from underpass.skills.mcp.served import SCHEME, Manifest, ServedSkills, mime_of
from underpass.skills.seams import SkillSource

_TTL_MS: Final = 60_000
_SHOWN: Final = 200
_CACHE: Final[dict[str, Any]] = {"resultType": "complete", "ttlMs": _TTL_MS, "cacheScope": "private"}


class _OfOne(RequestParams):
    uri: str


class _OfFolder(PaginatedRequestParams):
    uri: str


def serve_skills(server: Server[Any], source: SkillSource) -> None:
    """Let a server offer the active, approved skills of the project and of the user.

    ``skills/list``, ``skills/get`` and ``resources/directory/read`` are answered from revision 2026-07-28
    on, as the extension is defined; for clients of older revisions a skill's files are ordinary resources.

    Parameters:
        server: what it answers of resources already, it answers still.
    """
    served = _Served(
        ServedSkills(source),
        server.get_request_handler("resources/list"),
        server.get_request_handler("resources/read"),
    )
    server.add_request_handler("skills/list", PaginatedRequestParams, served.list)
    server.add_request_handler("skills/get", _OfOne, served.get)
    server.add_request_handler("resources/directory/read", _OfFolder, served.directory)
    server.add_request_handler("resources/list", PaginatedRequestParams, served.resources)
    server.add_request_handler("resources/read", ReadResourceRequestParams, served.read)
    server.extensions[SKILLS] = {"directoryRead": True}


class _Served:
    def __init__(
        self, skills: ServedSkills, others: HandlerEntry[Any] | None, other: HandlerEntry[Any] | None
    ) -> None:
        self._skills = skills
        self._others = others
        """Lists the server's other resources, on the first page."""
        self._other = other
        """Reads one of them."""

    async def list(
        self, context: ServerRequestContext[Any], params: PaginatedRequestParams
    ) -> dict[str, Any]:
        _only_modern(context, "skills/list")
        skills, after = await self._page(params.cursor)
        answer = {**_CACHE, "skills": [skill.entry() for skill in skills]}
        return answer if after is None else {**answer, "nextCursor": after}

    async def get(self, context: ServerRequestContext[Any], params: _OfOne) -> dict[str, Any]:
        _only_modern(context, "skills/get")
        skill = await anyio.to_thread.run_sync(self._skills.skill, params.uri)
        if skill is None:
            _refuse(f"no skill is served at {params.uri[:_SHOWN]}")
        return {**_CACHE, "skill": skill.entry()}

    async def directory(self, context: ServerRequestContext[Any], params: _OfFolder) -> dict[str, Any]:
        _only_modern(context, "resources/directory/read")
        found = await anyio.to_thread.run_sync(self._skills.children, params.uri)
        if found is None:
            _refuse(f"{params.uri[:_SHOWN]} is not a directory resource")
        return {"resultType": "complete", "resources": found}

    async def resources(
        self, context: ServerRequestContext[Any], params: PaginatedRequestParams
    ) -> ListResourcesResult:
        found: list[Resource] = []
        if self._others is not None and params.cursor is None:
            answer = await self._others.handler(context, params)
            found += cast("ListResourcesResult", answer).resources
        skills, after = await self._page(params.cursor)
        found += [Resource.model_validate(skill.resource()) for skill in skills]
        return ListResourcesResult(resources=found, next_cursor=after, ttl_ms=_TTL_MS)

    async def read(
        self, context: ServerRequestContext[Any], params: ReadResourceRequestParams
    ) -> ReadResourceResult:
        uri = str(params.uri)
        if self._other is not None and not uri.startswith(SCHEME):
            return cast("ReadResourceResult", await self._other.handler(context, params))
        found = await anyio.to_thread.run_sync(self._skills.read, uri)
        if found is None:
            _refuse(f"no resource is served at {uri[:_SHOWN]}")
        file, content = found
        kind = mime_of(file.path)
        try:
            part = TextResourceContents(uri=uri, mime_type=kind, text=content.decode())
        except UnicodeDecodeError:
            part = BlobResourceContents(uri=uri, mime_type=kind, blob=base64.b64encode(content).decode())
        return ReadResourceResult(contents=[part], ttl_ms=_TTL_MS)

    async def _page(self, cursor: str | None) -> tuple[list[Manifest], str | None]:
        if cursor is not None and name_problem(cursor):
            _refuse("this cursor was not given by this server")
        skills, after = await anyio.to_thread.run_sync(partial(self._skills.page, cursor))
        return [*skills], after


def _only_modern(context: ServerRequestContext[Any], method: str) -> None:
    if context.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        raise MCPError(code=METHOD_NOT_FOUND, message="Method not found", data=method)


def _refuse(message: str) -> NoReturn:
    raise MCPError(code=INVALID_PARAMS, message=message)
