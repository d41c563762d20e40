"""All connected servers behind six tools: what `underpass serve` speaks."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
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
    InputRequiredResult,
    ListToolsResult,
    PaginatedRequestParams,
    TextContent,
)

from underpass.broker.approvals import Ask
from underpass.catalog.catalog import ServerState
from underpass.catalog.definition import Listing
from underpass.codegen.calls import Language
from underpass.codegen.names import identifiers
from underpass.config import DiscoverySettings
from underpass.discovery.directory import ListingSource, ToolDirectory
from underpass.discovery.groups import HitGroup
from underpass.discovery.hit_texts import HitTexts, bounded, bounded_groups
from underpass.discovery.known_tools import all_signatures
from underpass.discovery.questions import server_list
from underpass.discovery.request import DocumentationRequest, SearchRequest, server_of
from underpass.errors import UnderpassError, ValidationFailed, did_you_mean
from underpass.execution.host import OnProgress
from underpass.execution.result import RunResult
from underpass.metrics import tokens
from underpass.server import door
from underpass.server.asking import Caller, Rounds, with_questions
from underpass.server.definitions import definitions, instructions
from underpass.server.domains import domains
from underpass.server.skill_tools import SAVE, SEARCH, Keeping, SkillCalls

_MAX_TIMEOUT = 600.0
_DOCUMENTATION_TOKENS = 8_000
_NAME = 200
"""Characters of an unknown name that are said back to a client."""


class States(ListingSource, Protocol):
    """The part of a catalog that the facade needs."""

    def states(self) -> list[ServerState]: ...

    def known(self) -> Mapping[str, Listing]: ...


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
        session: str | None,
        cache: bool | None,
        on_progress: OnProgress | None,
        ask: Ask | None,
    ) -> RunResult: ...


Acting = Callable[[ServerRequestContext[Any]], tuple[Backend, door.Call | None]]
"""Returns who runs programs, and who calls tools, for the client behind a request."""

Told = Callable[[ServerRequestContext[Any], str, str], None]
"""Is told what a client's model reads about tools: the request, the facade's tool, and the text."""


def facade(
    backend: Backend,
    environments: Mapping[str, Sequence[str]] | None = None,
    *,
    call: door.Call | None = None,
    directory: ToolDirectory | None = None,
    settings: DiscoverySettings | None = None,
    typescript: bool = False,
    cache: bool = False,
    rounds: Rounds | None = None,
    acting: Acting | None = None,
    told: Told | None = None,
    skills: Keeping | None = None,
) -> Server[Any]:
    """Build the MCP server. It answers `tools/list` without starting any of the servers behind it.

    What it lists is decided here and stays: the tools that are known now are all named where they are few,
    and are to be searched for otherwise. Every tool of the facade is answered either way.

    Parameters:
        environments: the packages of each environment that programs may ask for.
        call: makes the calls of generated modules outside of a sandbox; None takes none.
        directory: where tools are found; by default one of the facade's own.
        settings: how few tools are named all at once.
        typescript: whether programs may be written in TypeScript as well.
        cache: whether the results of runs are kept for those who ask for it.
        rounds: runs that wait for an answer of a client's; None asks no client of the newest revision.
        acting: who acts for which client; by default ``backend`` and ``call`` for all.
        told: counts what models read about tools; by default nobody does.
        skills: saves and finds skills; by default there are no tools for that.
    """
    return _Facade(
        backend,
        environments or {},
        call,
        directory or ToolDirectory(backend.catalog),
        settings or DiscoverySettings(),
        typescript=typescript,
        cache=cache,
        rounds=rounds,
        acting=acting,
        told=told,
        skills=skills,
    ).server()


class _Facade:
    def __init__(
        self,
        backend: Backend,
        environments: Mapping[str, Sequence[str]],
        call: door.Call | None,
        directory: ToolDirectory,
        settings: DiscoverySettings,
        *,
        typescript: bool,
        cache: bool,
        rounds: Rounds | None,
        acting: Acting | None,
        told: Told | None,
        skills: Keeping | None,
    ) -> None:
        self._backend = backend
        self._acting: Acting = acting or (lambda _context: (backend, call))
        self._told = told
        self._rounds = rounds
        self._directory = directory
        modules = identifiers(backend.catalog.names, "server")
        self._texts: dict[Language, HitTexts] = {
            "python": HitTexts("python", modules),
            "typescript": HitTexts("typescript", identifiers(backend.catalog.names, "namespace")),
        }
        known = backend.catalog.known()
        about = domains(known)
        every = definitions(
            modules.values(),
            environments,
            typescript=typescript,
            cache=cache,
            domains=about,
            skills=skills is not None,
        )
        signatures = all_signatures(modules, known, settings)
        self._tools = every
        if signatures is not None:
            self._tools = definitions(
                modules.values(), environments, typescript=typescript, cache=cache, signatures=signatures
            )
        about_skills = [] if skills is None else [SAVE, SEARCH]
        self._tools = [*self._tools, *about_skills]
        self._schemas: dict[str, dict[str, Any]] = {
            tool.name: tool.input_schema for tool in (*every, *about_skills)
        }
        self._handlers: dict[str, Callable[..., Awaitable[CallToolResult]]] = {
            "run_code": self._run_code,
            "search_tools": self._search_tools,
            "get_tool_documentation": self._get_tool_documentation,
            "list_servers": self._list_servers,
            "list_categories": self._list_categories,
            "list_capabilities": self._list_capabilities,
        }
        self._about_skills: SkillCalls | None = None
        if skills is not None:
            calls = self._about_skills = SkillCalls(skills)
            self._handlers |= {SAVE.name: calls.save, SEARCH.name: calls.search}
        if call is not None:
            self._schemas[door.NAME] = door.INPUT_SCHEMA
            self._handlers[door.NAME] = self._through_the_door
        self._checks = {name: jsonschema_rs.validator_for(schema) for name, schema in self._schemas.items()}

    def server(self) -> Server[Any]:
        server = Server[Any](
            "underpass",
            version=version("underpass"),
            title="Underpass",
            instructions=instructions(self._tools),
            on_list_tools=self._list,
            on_call_tool=self._call,
            cache_hints={"tools/list": CacheHint(ttl_ms=3_600_000)},
            # No parameter of ours travels in a header. Without this the SDK lists the tools at each call.
            get_tool_input_schema=lambda _name: None,
        )
        if self._rounds is not None:
            self._rounds.protect(server)
        return server

    async def _list(
        self, _context: ServerRequestContext[Any], _params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        return ListToolsResult(tools=self._tools)

    async def _call(
        self, context: ServerRequestContext[Any], params: CallToolRequestParams
    ) -> CallToolResult | InputRequiredResult:
        if params.name not in self._handlers:
            close = did_you_mean(params.name, (name for name in self._handlers if name != door.NAME))
            hint = f"; did you mean {close[0]}?" if close else ""
            raise MCPError(code=INVALID_PARAMS, message=f"unknown tool {params.name!r}{hint}")
        arguments = params.arguments or {}
        if problem := self._problem(params.name, arguments):
            return _failure(problem, f"see the input schema of {params.name}")
        try:
            if params.name == "run_code":
                work = partial(self._run_code, **arguments)
                return await with_questions(context, params, work, self._rounds)
            answer = await self._handlers[params.name](context, **arguments)
        except UnderpassError as error:
            answer = _failure(error.message, error.hint)
        if self._told is not None and params.name != door.NAME:
            self._told(context, params.name, "".join(_texts(answer)))
        return answer

    def _problem(self, name: str, arguments: Mapping[str, Any]) -> str | None:
        error = next(self._checks[name].iter_errors(arguments), None)
        if error is None:
            known = self._schemas[name].get("properties", {})
            unknown = sorted(set(arguments) - set(known))
            there = f"there are: {', '.join(known)}" if known else "it takes none"
            return f"unknown parameter {unknown[0][:_NAME]!r}; {there}" if unknown else None
        place = ".".join(map(str, error.instance_path))
        return f"{place}: {error.message}" if place else error.message

    async def _run_code(
        self,
        caller: Caller,
        code: str,
        agent: str = "default",
        *,
        session: str | None = None,
        timeout: float = 30.0,  # noqa: ASYNC109 - a parameter of the tool
        environment: str | None = None,
        language: str = "python",
        cache: bool | None = None,
    ) -> CallToolResult:
        if not 0 < timeout <= _MAX_TIMEOUT:
            raise ValidationFailed(
                f"timeout: {timeout:g} is out of bounds", hint=f"give seconds, {_MAX_TIMEOUT:g} at most"
            )
        if language not in self._texts:
            raise ValidationFailed(
                f"language: there is no {language[:_NAME]!r}", hint=f"there are: {', '.join(self._texts)}"
            )
        assert caller.context is not None
        result = await self._acting(caller.context)[0].run(
            code,
            agent=agent,
            timeout=timeout,
            environment=environment,
            language=language,
            session=session,
            cache=cache,
            on_progress=caller.report,
            ask=caller.ask,
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
        if result.session is not None:
            shown["session"] = result.session.to_dict()
        if result.cached:
            shown["cached"] = True
        return _answer(shown, is_error=not result.ok)

    async def _through_the_door(
        self,
        context: ServerRequestContext[Any],
        server: str,
        tool: str,
        arguments: Mapping[str, Any] | None = None,
    ) -> CallToolResult:
        call = self._acting(context)[1]
        assert call is not None
        return await door.answer(call, server, tool, arguments or {})

    async def _search_tools(
        self, context: ServerRequestContext[Any], agent: str = "default", **arguments: Any
    ) -> CallToolResult:
        request = SearchRequest.read(arguments)
        texts = self._texts[request.language]
        if request.skills and self._about_skills is not None:
            return await self._about_skills.beside_tools(context, request, self._directory, texts, agent)
        found = await self._directory.answer(request)
        groups = bounded_groups([each for each in found if isinstance(each, HitGroup)])
        hits = bounded([each for each in found if not isinstance(each, HitGroup)])
        unlisted = sum(state.state == "failed" for state in self._backend.catalog.states())
        if request.queries is not None:
            return _shown(
                texts.of_groups(groups, unlisted), {"groups": [texts.group(group) for group in groups]}
            )
        return _shown(texts.of_hits(hits, unlisted), {"tools": [texts.hit(hit) for hit in hits]})

    async def _get_tool_documentation(
        self, _context: ServerRequestContext[Any], **arguments: Any
    ) -> CallToolResult:
        request = DocumentationRequest.read(arguments)
        texts: list[str] = []
        room = _DOCUMENTATION_TOKENS
        for name in request.names:
            text = await self._document(name, request)
            room -= tokens.count(text)
            # Whoever asks for one tool alone gets all that was asked for.
            texts.append(
                text
                if room >= 0 or len(request.names) == 1
                else f"# {name}\nLeft out for length: ask for it alone."
            )
        documentation = "\n\n".join(texts)
        return _shown(documentation, {"documentation": documentation})

    async def _document(self, name: str, request: DocumentationRequest) -> str:
        try:
            return await self._directory.document(name, request.language, request.detail)
        except UnderpassError as error:
            return f"# {name[:_NAME]}\n{error.message}" + (f"\n{error.hint}" if error.hint else "")

    async def _list_servers(self, _context: ServerRequestContext[Any]) -> CallToolResult:
        servers = server_list(self._backend.catalog.states())
        lines = [_server_line(server) for server in servers]
        return _shown("\n".join(lines) or "no servers", {"servers": servers})

    async def _list_categories(self, _context: ServerRequestContext[Any], **arguments: Any) -> CallToolResult:
        counted = await self._directory.categories(server_of("list_categories", arguments))
        return _shown(_counted(counted), {"categories": counted})

    async def _list_capabilities(
        self, _context: ServerRequestContext[Any], **arguments: Any
    ) -> CallToolResult:
        counted = await self._directory.capabilities(server_of("list_capabilities", arguments))
        return _shown(_counted(counted), {"capabilities": counted})


def _server_line(server: Mapping[str, Any]) -> str:
    name = server["name"]
    parts = [server["state"]]
    if server["module"] != name:
        parts.insert(0, f"module {server['module']}")
    if server["tools"] is not None:
        parts.append(f"{server['tools']} tool{'' if server['tools'] == 1 else 's'}")
    if server["error"]:
        parts.append(server["error"])
    return f"{name}: {', '.join(parts)}"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "no tools"


def _texts(answer: CallToolResult) -> list[str]:
    return [part.text for part in answer.content if isinstance(part, TextContent)]


def _shown(text: str, value: dict[str, Any]) -> CallToolResult:
    """Answer in few words, and in full for programs."""
    return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=value)


def _answer(value: dict[str, Any], *, is_error: bool = False) -> CallToolResult:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return CallToolResult(
        content=[TextContent(type="text", text=text)], structured_content=value, is_error=is_error
    )


def _failure(message: str, hint: str) -> CallToolResult:
    text = f"{message}\nhint: {hint}" if hint else message
    return CallToolResult(content=[TextContent(type="text", text=text)], is_error=True)
