"""Decides whether a command is carried out by programs or by direct calls, without asking a model."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Literal

from underpass.catalog.definition import Listing
from underpass.discovery.known_tools import definition_text, definition_tokens
from underpass.errors import ServerUnavailable

_SMALL: Final = 600
"""Tokens of all definitions up to which one direct call is the cheaper way: a call takes two turns, as a
program does, and each reads the definitions, or the prompt for programs. ``underpass bench`` shows both."""
_LARGE: Final = 400.0
"""Tokens of the result from which a program is cheaper even for one call: with small results it takes about
330 tokens more (``docs/benchmarks.md``: look-ups with nothing else connected), and it answers with less."""
_BULK: Final = re.compile(
    r"\b(each|every|all|any|both|how (many|often)|who are|which are|names|count|number of|total|sum|average|"
    r"mean|median|compare|most|least|top|largest|smallest|longest|shortest|latest|oldest|first|last|between|"
    r"per|by|up to|across|filter|sort(ed)?|rank|group|list|report|summari[sz]e|analy[sz]e|then|and|until|"
    r"as long as|history|log|trend)\b",
    re.IGNORECASE,
)
"""Words of commands that need several calls, or look at more than they answer with. The size of results that
nobody has seen is not known: where it may be large, a program is the choice that cannot cost much."""
_DATABASE: Final = re.compile(r"\bSQL\b|\bSELECT\b")
"""What the definition of a tool says to which a question about many rows is one call."""
_TYPESCRIPT: Final = re.compile(r"\b(typescript|javascript)\b", re.IGNORECASE)


PastResults = Callable[[str], Awaitable[tuple[str, float] | None]]
"""Says which tool one call for a command would be of, and how many tokens its results had so far; None where
that is not known."""


async def nothing_known(_command: str) -> None:
    """Know nothing of earlier results."""


async def choose(
    command: str, listings: Mapping[str, Listing | ServerUnavailable], past: PastResults = nothing_known
) -> tuple[Literal["python", "typescript", "direct"], str]:
    """Return the mode for a command, and why.

    Direct calls cost less where the tools' definitions are few and one call answers: about one thing, or of
    a database, which counts by itself; and where its results have been short so far. Everything else is a
    program's; in TypeScript where the command says so.

    Parameters:
        command: what is to be done.
        listings: the servers' tools.
        past: knows the results of earlier calls; asked only where they would decide.
    """
    if _TYPESCRIPT.search(command):
        return "typescript", "the command names the language"
    tools = [tool for each in listings.values() if isinstance(each, Listing) for tool in each.tools]
    if (size := definition_tokens(tools, _SMALL)) is None:
        return "python", f"the definitions of all tools take more than {_SMALL:,} tokens"
    if any(_DATABASE.search(definition_text(tool)) for tool in tools):
        return "direct", f"few tools, and one of them is a database: all definitions take {size:,} tokens"
    if bulk := _BULK.search(command):
        return "python", f"the command looks at several things ({bulk.group(0).lower()!r})"
    if (seen := await past(command)) is not None and seen[1] >= _LARGE:
        return "python", f"results of {seen[0]} have had {seen[1]:,.0f} tokens so far"
    return "direct", f"few tools, and one call answers: all definitions take {size:,} tokens"
