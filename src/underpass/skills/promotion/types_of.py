"""The types of values, as Python and TypeScript write them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, cast

import orjson

from underpass.skills.promotion.parameters import camel

_PYTHON = {bool: "bool", int: "int", float: "float", str: "str", type(None): "None"}
_TYPESCRIPT = {bool: "boolean", int: "number", float: "number", str: "string", type(None): "null"}

_LONGEST_CALL: Final = 600
"""Characters of an example."""


def python_type(values: Sequence[Any]) -> str:
    """Return the type of values that all stand at one place."""
    return _joined({_python(value) for value in values} or {"Any"}, "float", "None")


def typescript_type(values: Sequence[Any]) -> str:
    """Return the same for TypeScript."""
    return _joined({_typescript(value) for value in values} or {"any"}, "number", "null")


def python_result(values: Sequence[Any]) -> str:
    """Return the type of results: nobody knows what else is in a list or a mapping."""
    return _joined(
        {_outer(value, _PYTHON, "list[Any]", "dict[str, Any]") for value in values}, "float", "None"
    )


def typescript_result(values: Sequence[Any]) -> str:
    """Return the same for TypeScript."""
    return _joined(
        {_outer(value, _TYPESCRIPT, "any[]", "Record<string, any>") for value in values}, "number", "null"
    )


def function_name(name: str, language: str) -> str:
    """Return the name of a skill's function."""
    return camel(name) if language == "typescript" else name.replace("-", "_")


def _python(value: Any) -> str:
    if isinstance(value, list):
        return f"list[{_one(cast('list[Any]', value), python_type, 'Any')}]"
    if isinstance(value, dict):
        return f"dict[str, {_one(cast('dict[str, Any]', value).values(), python_type, 'Any')}]"
    return _PYTHON.get(cast("type[Any]", type(value)), "Any")


def _typescript(value: Any) -> str:
    if isinstance(value, list):
        inner = _one(cast("list[Any]", value), typescript_type, "any")
        return f"({inner})[]" if " " in inner else f"{inner}[]"
    if isinstance(value, dict):
        return f"Record<string, {_one(cast('dict[str, Any]', value).values(), typescript_type, 'any')}>"
    return _TYPESCRIPT.get(cast("type[Any]", type(value)), "any")


def _one(values: Iterable[Any], of: Callable[[Sequence[Any]], str], otherwise: str) -> str:
    found = of(list(values))
    return otherwise if " | " in found or not found else found


def _outer(value: Any, scalars: dict[type[Any], str], items: str, mapping: str) -> str:
    if isinstance(value, list):
        return items
    if isinstance(value, dict):
        return mapping
    return scalars.get(
        cast("type[Any]", type(value)), items.removesuffix("[]").removeprefix("list[").rstrip("]")
    )


def _joined(types: set[str], real: str, nothing: str) -> str:
    if real in types:
        types -= {"int"}
    if types & {"Any", "any"}:
        return next(iter(types & {"Any", "any"}))
    return " | ".join(sorted(types, key=lambda each: (each == nothing, each)))


def call_text(name: str, entrypoint: str, language: str, arguments: Mapping[str, Any]) -> str:
    """Return how a skill is called, as Markdown; empty where that is long."""
    if language == "typescript":
        given = ", ".join(f"{key}: {orjson.dumps(value).decode()}" for key, value in arguments.items())
        lines = f'import {{ {entrypoint} }} from "skills/{name}";\n\nawait {entrypoint}('
        lines += f"{{ {given} }});" if given else ");"
    else:
        module = name.replace("-", "_")
        given = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
        lines = f"from skills import {module}\n\nawait {module}.{entrypoint}({given})"
    return f"```{language}\n{lines}\n```" if len(lines) <= _LONGEST_CALL else ""
