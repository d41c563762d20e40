"""All connected servers behind four tools: what `underpass serve` speaks."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, Protocol

import jsonschema_rs
from mcp.server import Server, ServerRequestContext
from mcp.server.caching import CacheHint
from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
)

from underpass.catalog.catalog import ServerState
from underpass.codegen.calls import Language
from underpass.codegen.documentation import document
from underpass.codegen.names import identifiers
from underpass.codegen.observed import Observations, unobserved
from underpass.discovery.directory import ListingSource, ToolDirectory
from underpass.errors import UnderpassError, did_you_mean
from underpass.execution.host import OnProgress
from underpass.execution.result import RunResult
from underpass.metrics import tokens
from underpass.server import door
from underpass.server.definitions import definitions

_DOCUMENTATION_TOKENS = 8_000
_TEXT = 2_000
"""Characters of a foreign text, such as a server's last error, that reach a client."""


class States(ListingSource, Protocol):
    """The part of a catalog that the facade needs."""

    def states(self) -> list[ServerState]: ...


class Backend(Protocol):
    """The part of ``Underpass`` that the facade needs."""

    @property
    def catalog(self) -> States: ...

    async def run(
        self,
        code: str,
        *,
        agent: str,
        timeout: float,  # noqa: ASYNC109 - enforced on the other side
        environment: str | None,
        language: str,
        on_progress: OnProgress | None,
    ) -> RunResult: ...


def facade(
    backend: Backend,
    environments: Mapping[str, Sequence[str]] | None = None,
    *,
    call: door.Call | None = None,
    observed: Observations = unobserved,
    typescript: bool = False,
) -> Server[Any]:
    """Build the MCP server. It answers `tools/list` without starting any of the servers behind it.

    Parameters:
        environments: the packages of each environment that programs may ask for.
        call: makes the calls of generated modules outside of a sandbox; None takes none.
        observed: finds what earlier results of a tool looked like.
        typescript: whether programs may be written in TypeScript as well.
    """
    return _Facade(backend, environments or {}, call, observed, typescript=typescript).server()


class _Facade:
    def __init__(
        self,
        backend: Backend,
        environments: Mapping[str, Sequence[str]],
        call: door.Call | None,
        observed: Observations,
        *,
        typescript: bool,
    ) -> None:
        self._backend = backend
        self._observed = observed
        self._directory = ToolDirectory(backend.catalog, observed)
        self._modules = identifiers(backend.catalog.names, "server")
        self._namespaces: dict[Language, dict[str, str]] = {
            "python": self._modules,
            "typescript": identifiers(backend.catalog.names, "namespace"),
        }
        self._tools = definitions(self._modules.values(), environments, typescript=typescript)
        self._schemas: dict[str, dict[str, Any]] = {tool.name: tool.input_schema for tool in self._tools}
        self._handlers: dict[str, Callable[..., Awaitable[CallToolResult]]] = {
            "run_code": self._run_code,
            "search_tools": self._search_tools,
            "get_tool_documentation": self._get_tool_documentation,
            "list_servers": self._list_servers,
        }
        self._call_tool = call
        if call is not None:
            self._schemas[door.NAME] = door.INPUT_SCHEMA
            self._handlers[door.NAME] = self._through_the_door
        self._checks = {name: jsonschema_rs.validator_for(schema) for name, schema in self._schemas.items()}

    def server(self) -> Server[Any]:
        return Server(
            "underpass",
            version=version("underpass"),
            title="Underpass",
            instructions="Use search_tools to find tools, then call them from a program with run_code.",
            on_list_tools=self._list,
            on_call_tool=self._call,
            cache_hints={"tools/list": CacheHint(ttl_ms=3_600_000)},
            # No parameter of ours travels in a header. Without this the SDK lists the tools at each call.
            get_tool_input_schema=lambda _name: None,
        )

    async def _list(
        self, _context: ServerRequestContext[Any], _params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        return ListToolsResult(tools=self._tools)

    async def _call(
        self, context: ServerRequestContext[Any], params: CallToolRequestParams
    ) -> CallToolResult:
        if params.name not in self._handlers:
            close = did_you_mean(params.name, (tool.name for tool in self._tools))
            hint = f"; did you mean {close[0]}?" if close else ""
            raise MCPError(code=INVALID_PARAMS, message=f"unknown tool {params.name!r}{hint}")
        arguments = params.arguments or {}
        if problem := self._problem(params.name, arguments):
            return _failure(problem, f"see the input schema of {params.name}")
        try:
            return await self._handlers[params.name](context, **arguments)
        except UnderpassError as error:
            return _failure(error.message, error.hint)

    def _problem(self, name: str, arguments: Mapping[str, Any]) -> str | None:
        error = next(self._checks[name].iter_errors(arguments), None)
        if error is None:
            known = self._schemas[name]["properties"]
            unknown = sorted(set(arguments) - set(known))
            return f"unknown parameter {unknown[0]!r}; there are: {', '.join(known)}" if unknown else None
        place = ".".join(map(str, error.instance_path))
        return f"{place}: {error.message}" if place else error.message

    async def _run_code(
        self,
        context: ServerRequestContext[Any],
        code: str,
        agent: str = "default",
        timeout: float = 30.0,  # noqa: ASYNC109 - a parameter of the tool
        environment: str | None = None,
        *,
        language: str = "python",
    ) -> CallToolResult:
        furthest = 0.0

        async def report(progress: float, total: float | None, message: str | None) -> None:
            nonlocal furthest
            if progress > furthest:  # the protocol allows no other; a program may report any
                furthest = progress
                await context.session.report_progress(progress, total, message)

        result = await self._backend.run(
            code,
            agent=agent,
            timeout=timeout,
            environment=environment,
            language=language,
            on_progress=report,
        )
        shown: dict[str, Any] = {"run": result.run, "ok": result.ok, "value": result.value}
        shown |= {name: text for name in ("stdout", "stderr") if (text := getattr(result, name))}
        if result.error is not None:
            shown["error"] = result.error.to_dict()
        if result.truncated:
            shown |= {"truncated": True, "handle": result.handle or ""}
        shown |= {
            "tool_calls": len(result.tool_calls),
            "sandbox": result.sandbox,
            "checked": result.checked,
        }
        return _answer(shown, is_error=not result.ok)

    async def _through_the_door(
        self,
        _context: ServerRequestContext[Any],
        server: str,
        tool: str,
        arguments: Mapping[str, Any] | None = None,
    ) -> CallToolResult:
        assert self._call_tool is not None
        return await door.answer(self._call_tool, server, tool, arguments or {})

    async def _search_tools(
        self,
        _context: ServerRequestContext[Any],
        query: str,
        server: str | None = None,
        limit: int = 10,
        *,
        language: Language = "python",
    ) -> CallToolResult:
        hits = await self._directory.search(query, server=server, limit=limit)
        return _answer(
            {
                "tools": [
                    {
                        "module": self._namespaces[language][hit.server],
                        "signature": hit.signature(language),
                        "summary": hit.summary,
                    }
                    for hit in hits
                ]
            }
        )

    async def _get_tool_documentation(
        self, _context: ServerRequestContext[Any], names: list[str], *, language: Language = "python"
    ) -> CallToolResult:
        texts: list[str] = []
        room = _DOCUMENTATION_TOKENS
        for name in dict.fromkeys(names):
            text = await self._document(name, language)
            room -= tokens.count(text)
            texts.append(text if room >= 0 else f"# {name}\nLeft out for length: ask for it alone.")
        documentation = "\n\n".join(texts)
        return CallToolResult(
            content=[TextContent(type="text", text=documentation)],
            structured_content={"documentation": documentation},
        )

    async def _document(self, name: str, language: Language) -> str:
        try:
            tool = await self._directory.tool(name)
            return document(tool, language, observed=self._observed(tool))
        except UnderpassError as error:
            return f"# {name[:_TEXT]}\n{error.message}" + (f"\n{error.hint}" if error.hint else "")

    async def _list_servers(self, _context: ServerRequestContext[Any]) -> CallToolResult:
        states = [state for state in self._backend.catalog.states() if state.name in self._modules]
        return _answer({"servers": [self._state(state) for state in states]})

    def _state(self, state: ServerState) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "module": self._modules[state.name],
            "server": state.name,
            "state": state.state,
        }
        if state.tools is not None:
            shown["tools"] = state.tools
        if state.error:
            shown["error"] = state.error[:_TEXT]
        return shown


def _answer(value: dict[str, Any], *, is_error: bool = False) -> CallToolResult:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return CallToolResult(
        content=[TextContent(type="text", text=text)], structured_content=value, is_error=is_error
    )


def _failure(message: str, hint: str) -> CallToolResult:
    text = f"{message}\nhint: {hint}" if hint else message
    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=True)
