"""Names and descriptions of skills that nobody has named: of their tools and of what they give, by rule.

``git.git_log``, giving a mapping with ``authors``, is ``git-log-authors``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final, cast

from underpass.skills.format.names import name_problem
from underpass.skills.promotion.parameters import Parameter, snake

_VERBS: Final = frozenset({"get", "list", "search", "find", "fetch", "read", "query", "show", "retrieve"})
_TOOLS: Final = 2
"""Tools that a name has words of."""
_WORDS: Final = 6
_KEYS: Final = 2
_LONGEST: Final = 48
_LONGEST_DESCRIPTION: Final = 600


def names_for(
    tools: Sequence[str], parameters: Sequence[Parameter], results: Sequence[Any], taken: Collection[str]
) -> Iterator[str]:
    """Yield names that no other skill has, the best first.

    Parameters:
        tools: ``server.tool``, in the order of their first calls.
        parameters: of the function.
        results: what the runs gave.
        taken: names of other skills.
    """
    words = list(_tool_words(tools))[:_WORDS]
    keys = [word for key in _keys(results)[:_KEYS] for word in snake(key).split("_") if word]
    plain = _joined([*words, *(word for word in keys if word not in words)][: _WORDS + 1])
    by = [word for each in parameters[:2] for word in each.name.split("_") if not word.isdigit()]
    more = _joined([*plain.split("-"), "by", *by]) if by else plain
    for name in (plain, more):
        if name not in taken and name_problem(name) is None:
            yield name
    number = 2
    while True:
        if (name := f"{plain}-{number}") not in taken:
            yield name
        number += 1


def description_of(
    tools: Sequence[str], parameters: Sequence[Parameter], results: Sequence[Any], sessions: int
) -> str:
    """Return what such a skill does and when to use it."""
    keys = _keys(results)
    given = f"gives {_listed(keys[:6])}" if keys else f"gives {_kind(results)}"
    asked = _listed([each.name for each in parameters])
    text = f"Calls {_listed(tools[:6])}, and {given}"
    text += f" for {asked}." if asked else "."
    text += f" Use it where a program would do that: the same one worked in {sessions} sessions."
    return text[:_LONGEST_DESCRIPTION]


def _tool_words(tools: Sequence[str]) -> Iterator[str]:
    seen: set[str] = set()
    for tool in tools[:_TOOLS]:
        server, _, name = tool.partition(".")
        words = [*snake(server).split("_"), *_without_verb(snake(name).split("_"))]
        for word in words:
            if word and word not in seen:
                seen.add(word)
                yield word


def _without_verb(words: list[str]) -> list[str]:
    return words[1:] if len(words) > 1 and words[0] in _VERBS else words


def _keys(results: Sequence[Any]) -> list[str]:
    """Return the keys of mappings that all results have; none where these are data as well."""
    found: list[list[str]] = []
    for result in results:
        items: list[Any] = cast("list[Any]", result) if isinstance(result, list) else [result]
        if not items or not isinstance(items[0], dict):
            return []
        one = cast("dict[Any, Any]", items[0])
        found.append([str(key) for key in one])
    keys = found[0] if found and all(each == found[0] for each in found) else []
    return keys if all(key.isidentifier() and key.islower() for key in keys) else []


def _kind(results: Sequence[Any]) -> str:
    kinds = {bool: "whether it is so", int: "a number", float: "a number", str: "a text", list: "a list"}
    found = {kinds.get(cast("type[Any]", type(each)), "a mapping") for each in results}
    return found.pop() if len(found) == 1 else "a value"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + f" and {names[-1]}" if names else ""


def _joined(words: Sequence[str]) -> str:
    kept = list(words)
    while len("-".join(kept)) > _LONGEST and len(kept) > 1:
        kept.pop()
    name = "-".join(kept)[:_LONGEST].strip("-")
    return name if name_problem(name) is None else f"skill-{name}".rstrip("-")
