"""What varied between runs of one shape, as parameters with names, types and defaults.

- A literal that varied is a parameter; literals that varied together, always equal, are one.
- A value that more than half of at least three runs had is the default.
- Of one run nobody knows what varies. The literals that look like inputs become parameters, with the run's
  values as defaults: texts, numbers and lists of them that are an argument of a tool call as they stand, or
  the whole value of a variable that the program sets once. Truth values, null and pieces of texts stay.
"""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from underpass.skills.promotion.places import Place, key_of

NO_DEFAULT: Final = object()
_DOMINATES_FROM: Final = 3
"""Runs from which a value can dominate."""
_RESERVED: Final = frozenset((
    "await", "async", "break", "case", "catch", "class", "const", "continue", "debugger", "default",
    "delete", "do", "else", "enum", "export", "extends", "false", "finally", "for", "function",
    "if", "implements", "import", "in", "instanceof", "interface", "let", "new", "null", "package",
    "private", "protected", "public", "return", "static", "super", "switch", "this", "throw",
    "true", "try", "typeof", "var", "void", "while", "with", "yield", "arguments", "eval",
    "undefined", "number", "string", "boolean", "any", "unknown", "object", "list", "dict", "str",
    "int", "float", "bool", "set", "tuple", "Any", "print", "len", "max", "min", "sum", "sorted",
    "range", "id", "type", "input", "filter", "map", "open", "format", "hash", "iter", "next",
    "round", "structuredClone", "options",
)) | frozenset(keyword.kwlist)  # fmt: skip
_FALLBACK: Final = {bool: "flag", int: "number", float: "number", str: "text", list: "items", dict: "mapping"}
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")
_LONGEST: Final = 40


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a derived function.

    Parameters:
        places: by their numbers, the literals that it stands for.
        values: what the runs had there, run by run.
        default: ``NO_DEFAULT`` where it must be given.
    """

    name: str
    places: tuple[int, ...]
    values: tuple[Any, ...]
    default: Any


def varied(
    places: Sequence[Place],
    literals: Sequence[Sequence[Any]],
    taken: Collection[str],
    arguments: Iterable[Mapping[str, Any]] = (),
) -> list[Parameter]:
    """Return the parameters of runs of one shape; those with defaults come last.

    Parameters:
        places: of the program that the function is made of.
        literals: of each run, by place.
        taken: names that mean something in the program.
        arguments: of the tool calls of the first of these runs.
    """
    columns = [tuple(run[at] for run in literals) for at in range(len(places))]
    groups: dict[tuple[bytes, ...], list[int]] = {}
    for at, column in enumerate(columns):
        keys = tuple(map(key_of, column))
        if len(set(keys)) > 1:
            groups.setdefault(keys, []).append(at)
    named = _Names(places, taken, arguments)
    found = [
        Parameter(named.choose(group), tuple(group), columns[group[0]], _dominant(keys, columns[group[0]]))
        for keys, group in groups.items()
    ]
    return sorted(found, key=lambda each: each.default is not NO_DEFAULT)


def inputs(
    places: Sequence[Place], taken: Collection[str], arguments: Iterable[Mapping[str, Any]] = ()
) -> list[Parameter]:
    """Return the parameters of one run; all have its values as defaults.

    Parameters:
        places: of the program.
        taken: names that mean something in it.
        arguments: of its tool calls.
    """
    groups: dict[tuple[bytes, str], list[int]] = {}
    for at, place in enumerate(places):
        if (place.is_input and place.kind != "text") and _is_data(place.value):
            groups.setdefault((key_of(place.value), (place.hints or ("",))[0]), []).append(at)
    named = _Names(places, taken, arguments)
    return [
        Parameter(named.choose(group), tuple(group), (places[group[0]].value,), places[group[0]].value)
        for group in groups.values()
    ]


def snake(name: str) -> str:
    """Return a name as Python writes it; empty where nothing is left of it."""
    words = [word.lower() for word in _CAMEL.split(name) if word]
    return re.sub(r"^[0-9_]+", "", "_".join(words))[:_LONGEST].strip("_")


def camel(name: str) -> str:
    """Return a name as TypeScript writes it."""
    first, *rest = snake(name).split("_")
    return first + "".join(word.capitalize() for word in rest)


class _Names:
    """Chooses names that clash with nothing."""

    def __init__(
        self, places: Sequence[Place], taken: Collection[str], arguments: Iterable[Mapping[str, Any]]
    ) -> None:
        self._places = places
        self._taken = set(taken)
        self._by_value: dict[bytes, list[str]] = {}
        for call in arguments:
            for name, value in call.items():
                self._by_value.setdefault(key_of(value), []).append(name)

    def choose(self, group: Sequence[int]) -> str:
        places = [self._places[at] for at in group]
        own = {place.variable for place in places} | {_variable(place) for place in places}
        # What a variable is called was chosen for it by whoever wrote the program.
        wanted = [name for name in (*(_variable(place) or place.variable for place in places),) if name]
        inputs_first = sorted(places, key=lambda place: not place.is_input)
        wanted += [hint for place in inputs_first for hint in place.hints if hint != "result"]
        wanted += self._by_value.get(key_of(places[0].value), [])
        wanted.append(_FALLBACK.get(cast("type[Any]", type(places[0].value)), "value"))
        exact = [name for name in wanted if name in own and name not in _RESERVED]
        for name in (*exact, *(name for name in map(snake, wanted) if len(name) > 1)):
            if name not in _RESERVED and (name not in self._taken or name in own):
                self._taken.add(name)
                return name
        base = next((name for name in map(snake, wanted) if len(name) > 1), "value")
        number = 2
        while (name := f"{base}_{number}") in self._taken:
            number += 1
        self._taken.add(name)
        return name


def _variable(place: Place) -> str | None:
    """The variable that stands at a place, which the parameter takes the place of."""
    is_name = type(place.node).__name__ == "Name" or getattr(place.node, "type", "") in {
        "identifier",
        "shorthand_property_identifier",
    }
    return place.hints[0] if is_name else None


def _is_data(value: Any) -> bool:
    if isinstance(value, bool) or value is None or value == "":
        return False
    if isinstance(value, list):
        return all(_is_data(each) and not isinstance(each, list | dict) for each in cast("list[Any]", value))
    return isinstance(value, str | int | float)


def _dominant(keys: Sequence[bytes], column: Sequence[Any]) -> Any:
    if len(keys) < _DOMINATES_FROM:
        return NO_DEFAULT
    key, count = Counter(keys).most_common(1)[0]
    return column[keys.index(key)] if count * 2 > len(keys) else NO_DEFAULT
