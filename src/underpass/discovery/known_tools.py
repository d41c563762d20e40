"""All tools at once, for a client whose servers have so few that a search would cost more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import orjson

from underpass.catalog.definition import Listing, ToolDefinition
from underpass.codegen.calls import Language
from underpass.codegen.documentation import signature
from underpass.config import DiscoverySettings
from underpass.discovery.hit import summary
from underpass.metrics import tokens

_LONGEST = 220
"""Characters of a signature."""
COMMENTS: Final[Mapping[Language, str]] = {"python": "#", "typescript": "//"}
_UNTOLD = (" -> Any", ": Promise<unknown>")
_LEAST_TOKEN = 8
"""Characters: a text that has more than so many for each token of the allowance need not be counted."""


def all_signatures(
    modules: Mapping[str, str],
    known: Mapping[str, Listing],
    settings: DiscoverySettings,
    language: Language = "python",
) -> str | None:
    """Return a line for each tool of all servers, or None where they are too many or not all known.

    The lines depend on the listings alone, not on their order and not on what results looked like.

    Parameters:
        modules: the names of the servers' modules, by server.
        known: the listings that are known.
        settings: how much room there is.
        language: of the signatures.
    """
    room = int(settings.threshold * settings.window_tokens)
    if not modules or not all(server in known for server in modules):
        return None
    tools = [
        tool for server in sorted(modules) for tool in sorted(known[server].tools, key=lambda tool: tool.name)
    ]
    if not tools or not _fits((definition_text(tool) for tool in tools), room):
        return None
    lines = "\n".join(
        tool_line(
            modules[tool.server],
            signature(tool, language, longest=_LONGEST),
            summary(tool.description),
            comment=COMMENTS[language],
        )
        for tool in tools
    )
    return lines if _fits([lines], room) else None


def tool_line(module: str, call: str, summary: str, *, comment: str = "#") -> str:
    """Return a tool in one line: how it is called, and what it does.

    Most tools say nothing of what they return, and so does their line.
    """
    for untold in _UNTOLD:
        call = call.removesuffix(untold)
    if not summary:
        return f"{module}.{call}"
    return f"{module}.{call}{';' if f'  {comment} ' in call else f'  {comment}'} {summary}"


def definition_text(tool: ToolDefinition) -> str:
    """Return a definition as a client that calls tools directly would carry it in its context."""
    shown: dict[str, Any] = {
        "name": tool.name,
        "description": tool.description,
        "inputSchema": tool.input_schema,
    }
    return orjson.dumps(shown).decode()


def definition_tokens(tools: Iterable[ToolDefinition], most: int) -> int | None:
    """Return the tokens of the tools' definitions together; None where they are more than ``most``."""
    size = 0
    for tool in tools:
        size += tokens.count(definition_text(tool))
        if size > most:
            return None
    return size


def _fits(texts: Iterable[str], room: int) -> bool:
    for text in texts:
        if room <= 0 or len(text) > room * _LEAST_TOKEN:
            return False
        room -= tokens.count(text)
    return room >= 0
