"""What a search is asked for, read from JSON: a program's or a client's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, cast, get_args

from underpass.codegen.documentation import Detail, Language
from underpass.errors import ValidationFailed, did_you_mean

MAX_HITS: Final = 50
"""Tools of one answer, whether for one query or for several."""
MAX_QUERIES: Final = 20
MAX_NAMES: Final = 50
_HITS: Final = 10
_HITS_EACH: Final = 5
_LONGEST: Final = 20_000
"""Characters of a query, a name or a filter. Some ask with a whole task and its data."""


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A checked request for ``search_tools``."""

    query: str | None = None
    queries: tuple[str, ...] | None = None
    """One for each step of a task, instead of ``query``."""
    server: str | None = None
    category: str | None = None
    capabilities: tuple[str, ...] = ()
    limit: int | None = None
    """Tools for each query; None is 10, or 5 where there are several."""
    detail: Detail = "brief"
    language: Language = "python"
    skills: bool = False
    """Skills as well, in one ranking with the tools; goes with one query and no filter."""

    @classmethod
    def read(cls, arguments: Mapping[str, Any]) -> SearchRequest:
        """Check the arguments of a search. Raises ``ValidationFailed``."""
        _known("search_tools", arguments, [field.name for field in fields(cls)])
        query, queries = _text(arguments, "query"), _texts(arguments, "queries", MAX_QUERIES)
        return cls(
            query,
            queries,
            _text(arguments, "server"),
            _text(arguments, "category"),
            _texts(arguments, "capabilities", MAX_QUERIES) or (),
            _limit(arguments),
            detail_of(arguments),
            language_of(arguments),
            _flag(arguments, "skills"),
        ).checked()

    def checked(self) -> SearchRequest:
        """Return the request. Raises ``ValidationFailed`` where it asks for nothing, or for two things."""
        if self.query is not None and self.queries is not None:
            raise ValidationFailed("query and queries are given", hint="put every step into queries")
        if self.queries is not None and not self.queries:
            raise ValidationFailed("queries is empty", hint="give one query for each step of the task")
        if self.query is None and self.queries is None and not self.filters:
            raise ValidationFailed(
                "there is nothing to search for",
                hint="give a query, queries (one per step), or a server, category or capabilities",
            )
        if self.skills and (self.query is None or self.filters):
            raise ValidationFailed(
                "skills are searched for with one query and no filter",
                hint="search for tools of a server, or for several steps, on its own",
                parameter="skills",
            )
        return self

    @property
    def filters(self) -> bool:
        """Whether the tools of a server, a category or a capability are wanted alone."""
        return self.server is not None or self.category is not None or bool(self.capabilities)

    @property
    def hits(self) -> int:
        """How many tools each query may find."""
        if self.queries is None:
            return min(_HITS if self.limit is None else self.limit, MAX_HITS)
        each = _HITS_EACH if self.limit is None else self.limit
        return max(min(each, MAX_HITS // len(self.queries)), 1)


@dataclass(frozen=True, slots=True)
class DocumentationRequest:
    """A checked request for ``get_tool_documentation``."""

    names: tuple[str, ...]
    detail: Detail = "brief"
    language: Language = "python"

    @classmethod
    def read(cls, arguments: Mapping[str, Any]) -> DocumentationRequest:
        """Check the arguments. Raises ``ValidationFailed``."""
        _known("get_tool_documentation", arguments, [field.name for field in fields(cls)])
        names = _texts(arguments, "names", MAX_NAMES)
        if not names:
            raise ValidationFailed("names is empty", hint='name tools as server.tool: ["git.git_log"]')
        return cls(tuple(dict.fromkeys(names)), detail_of(arguments), language_of(arguments))


def server_of(what: str, arguments: Mapping[str, Any]) -> str | None:
    """Return the one argument that ``list_categories`` and its like take. Raises ``ValidationFailed``."""
    _known(what, arguments, ["server"])
    return _text(arguments, "server")


def detail_of(arguments: Mapping[str, Any]) -> Detail:
    """Return how much is wanted. Raises ``ValidationFailed``."""
    return cast("Detail", _choice(arguments, "detail", get_args(Detail)))


def language_of(arguments: Mapping[str, Any]) -> Language:
    """Return the language of signatures and examples. Raises ``ValidationFailed``."""
    return cast("Language", _choice(arguments, "language", get_args(Language)))


def _known(what: str, arguments: Mapping[str, Any], names: Sequence[str]) -> None:
    for name in arguments:
        if name not in names:
            close = did_you_mean(name, names)
            raise ValidationFailed(
                f"{what} has no parameter {name[:50]!r}",
                hint=f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(names)}",
                parameter=name[:50],
            )


def _choice(arguments: Mapping[str, Any], name: str, choices: Sequence[str]) -> str:
    value = _text(arguments, name)
    if value is None:
        return choices[0]
    if value not in choices:
        raise ValidationFailed(
            f"{name} is {value[:50]!r}", hint=f"it can be {' or '.join(map(repr, choices))}", parameter=name
        )
    return value


def _limit(arguments: Mapping[str, Any]) -> int | None:
    value = arguments.get("limit")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_HITS:
        raise ValidationFailed(
            f"limit is no whole number from 1 to {MAX_HITS}",
            hint="search with other words, or name the server, where the tool is not among the first",
            parameter="limit",
        )
    return value


def _flag(arguments: Mapping[str, Any], name: str) -> bool:
    value = arguments.get(name)
    if value is not None and not isinstance(value, bool):
        raise ValidationFailed(f"{name} is neither true nor false", parameter=name)
    return value is True


def _text(arguments: Mapping[str, Any], name: str) -> str | None:
    value = arguments.get(name)
    return None if value is None else _short(value, name)


def _texts(arguments: Mapping[str, Any], name: str, most: int) -> tuple[str, ...] | None:
    value = arguments.get(name)
    if value is None:
        return None
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list | tuple):
        raise ValidationFailed(f"{name} is no list of strings", hint=f'{name}=["…"]', parameter=name)
    items = cast("Sequence[object]", value)
    if len(items) > most:
        raise ValidationFailed(f"{name} has more than {most} entries", hint="ask in parts", parameter=name)
    return tuple(_short(item, name) for item in items)


def _short(value: object, name: str) -> str:
    if not isinstance(value, str):
        several = name == "query" and isinstance(value, list)
        hint = "give several as queries" if several else f'{name}="…"'
        raise ValidationFailed(f"{name} is no string", hint=hint, parameter=name)
    if len(value) > _LONGEST:
        raise ValidationFailed(
            f"{name} is longer than {_LONGEST} characters", hint="a few words find more", parameter=name
        )
    return value
