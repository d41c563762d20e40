"""The facade's tools as plain ones, for one opened Underpass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Unpack

from underpass.adapters.reading import result_text
from underpass.adapters.threads import FromThreads
from underpass.adapters.tool import RunOptions, ToolAnswer, UnderpassTool, Work
from underpass.codegen.names import identifiers
from underpass.discovery.groups import HitGroup
from underpass.discovery.hit_texts import HitTexts, bounded, bounded_groups
from underpass.discovery.known_tools import all_signatures
from underpass.discovery.request import DocumentationRequest, SearchRequest
from underpass.execution.host import OnProgress
from underpass.metrics import tokens

if TYPE_CHECKING:
    from mcp_types import Tool

    from underpass import Underpass
    from underpass.codegen.calls import Language

_SEARCH_FIRST: Final = " See search_tools first."
_SEARCH_INSIDE: Final = (
    "\nTo find tools: from mcp_runtime import search_tools; [hit['signature'] for hit in await "
    "search_tools('what it is to do')]"
)
_DOCUMENTATION_TOKENS: Final = 8_000


def as_tool(up: Underpass, *, typescript: bool = False, **options: Unpack[RunOptions]) -> UnderpassTool:
    """Return the tool that runs programs, as one that needs no others beside it.

    Parameters:
        typescript: whether the model may write TypeScript as well; it says which then.
        options: as for ``Underpass.run``.
    """
    run_code = as_tools(up, typescript=typescript, **options)[0]
    if not run_code.description.endswith(_SEARCH_FIRST):
        return run_code
    description = run_code.description.removesuffix(_SEARCH_FIRST) + _SEARCH_INSIDE
    return replace(run_code, description=description)


def as_tools(
    up: Underpass, *, typescript: bool = False, **options: Unpack[RunOptions]
) -> list[UnderpassTool]:
    """Return the tools that run programs, find tools and explain them.

    Where the servers have so few tools that all are named in the first's description, there is none that
    finds them. Those that are known now count: ``await up.catalog.listings()`` makes all known.

    Parameters:
        typescript: whether the model may write TypeScript as well; it says which then.
        options: as for ``Underpass.run``.
    """
    threads = FromThreads()
    makers = {"run_code": _runs(up, options), **_discovery(up)}
    return [
        UnderpassTool(tool.name, tool.description or "", _only_own(tool), makers[tool.name], threads)
        for tool in _definitions(up, typescript=typescript)
        if tool.name in makers
    ]


def _definitions(up: Underpass, *, typescript: bool) -> list[Tool]:
    from underpass.server.definitions import definitions
    from underpass.server.domains import domains

    modules = identifiers(up.catalog.names, "server")
    known = up.catalog.known()
    return definitions(
        modules.values(),
        {},
        typescript=typescript,
        domains=domains(known),
        signatures=all_signatures(modules, known, up.settings.discovery),
    )


def _only_own(tool: Tool) -> dict[str, Any]:
    """Return the schema without what the host decides."""
    schema = tool.input_schema
    if tool.name != "run_code":
        return schema
    own = {name: part for name, part in schema["properties"].items() if name in {"code", "language"}}
    return {**schema, "properties": own}


def _runs(up: Underpass, options: RunOptions) -> Work:
    async def run(arguments: Mapping[str, Any], on_progress: OnProgress | None) -> ToolAnswer:
        chosen: RunOptions = options if on_progress is None else {**options, "on_progress": on_progress}
        result = await up.run(arguments["code"], language=arguments.get("language", "python"), **chosen)
        return ToolAnswer(result_text(result), result.ok, result)

    return run


def _discovery(up: Underpass) -> dict[str, Work]:
    texts: dict[Language, HitTexts] = {
        "python": HitTexts("python", identifiers(up.catalog.names, "server")),
        "typescript": HitTexts("typescript", identifiers(up.catalog.names, "namespace")),
    }

    async def search(arguments: Mapping[str, Any], _progress: OnProgress | None) -> ToolAnswer:
        request = SearchRequest.read(arguments)
        found = await up.directory.answer(request)
        unlisted = sum(state.state == "failed" for state in up.catalog.states())
        written = texts[request.language]
        if request.queries is None:
            hits = bounded([each for each in found if not isinstance(each, HitGroup)])
            return ToolAnswer(written.of_hits(hits, unlisted), ok=True)
        groups = bounded_groups([each for each in found if isinstance(each, HitGroup)])
        return ToolAnswer(written.of_groups(groups, unlisted), ok=True)

    async def document(arguments: Mapping[str, Any], _progress: OnProgress | None) -> ToolAnswer:
        request = DocumentationRequest.read(arguments)
        pages: list[str] = []
        room = _DOCUMENTATION_TOKENS
        for name in request.names:
            page = await up.directory.document(name, request.language, request.detail)
            room -= tokens.count(page)
            # Whoever asks for one tool alone gets all that was asked for.
            fits = room >= 0 or len(request.names) == 1
            pages.append(page if fits else f"# {name}\nLeft out for length: ask for it alone.")
        return ToolAnswer("\n\n".join(pages), ok=True)

    return {"search_tools": search, "get_tool_documentation": document}
