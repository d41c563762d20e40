"""Requests of the official SDK besides calls of tools: for a server's resources, prompts and skills."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import mcp_types as types
from mcp import Client
from pydantic import BaseModel, ConfigDict

from underpass.catalog.raw_results import raw_of
from underpass.catalog.upstream import Method
from underpass.errors import ToolNotFound

SKILLS: Final = "io.modelcontextprotocol/skills"
"""The extension by which servers offer skills."""


class _Extended(types.Result):
    """A result that the SDK knows nothing of."""

    model_config = ConfigDict(extra="allow")


async def send(client: Client, method: Method, params: Mapping[str, Any]) -> Mapping[str, Any]:
    """Make one request, and return its result as the server gave it."""
    result = await _result(client, method, params)
    meta: Mapping[str, Any] | None = getattr(result, "meta", None)
    raw = raw_of(meta)
    return raw if raw is not None else result.model_dump(by_alias=True, mode="json", exclude_none=True)


async def _result(client: Client, method: Method, params: Mapping[str, Any]) -> BaseModel:
    cursor = params.get("cursor")
    match method:
        case "resources/list":
            return await client.list_resources(cursor=cursor)
        case "resources/templates/list":
            return await client.list_resource_templates(cursor=cursor)
        case "resources/read":
            return await client.read_resource(params["uri"])
        case "prompts/list":
            return await client.list_prompts(cursor=cursor)
        case "prompts/get":
            return await client.get_prompt(params["name"], dict(params["arguments"]))
        case "skills/list" | "skills/get":
            request = types.Request[dict[str, Any], str](method=method, params=dict(params))
            return await client.session.send_request(request, _Extended)


def is_offered(capabilities: types.ServerCapabilities, method: Method) -> bool:
    """Whether a server says that it answers a request."""
    if method.startswith("skills/"):
        return SKILLS in (capabilities.extensions or {})
    offered = capabilities.prompts if method.startswith("prompts/") else capabilities.resources
    return offered is not None


def not_offered(server: str, method: Method) -> ToolNotFound:
    """Build the error of a server that does not answer a request."""
    what = method.partition("/")[0]
    return ToolNotFound(
        f"server {server!r} has no {what}",
        hint=f"it does not say that it offers {what}",
        server=server,
        tool=method,
        known=[],
    )
