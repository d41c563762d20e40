"""A call that a person makes from the page of a tool: which fields its form has, and what was typed there."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from underpass.catalog.definition import ToolDefinition
from underpass.codegen.example_arguments import example_arguments
from underpass.codegen.interface import tool_interface
from underpass.errors import UnderpassError, ValidationFailed

FIELD: Final = "argument-"
"""Begins the names of the form's fields that are arguments."""
WHOLE: Final = "arguments"
"""The name of the one field for all arguments, as JSON."""
_MOST: Final = 40
"""Arguments that have fields of their own; of more, all are one field."""
_COMBINED: Final = frozenset({"$ref", "allOf", "anyOf", "oneOf", "if", "patternProperties"})
"""What a schema may have instead of a list of its arguments."""
_SHOWN: Final = 500
_NONE: Final[Mapping[str, Any]] = {}

Kind = Literal["text", "number", "choice", "json"]


@dataclass(frozen=True, slots=True)
class FormField:
    """One argument."""

    name: str
    kind: Kind
    type: str
    """As JSON Schema calls it."""
    required: bool
    about: str
    """What the server says of it."""
    value: str
    """What is filled in."""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CallForm:
    """The form of one tool: a field for each argument, or one for all of them where the schema lists none."""

    fields: tuple[FormField, ...]
    whole: str | None
    """The example for the one field; None where each argument has its own."""


def call_form(tool: ToolDefinition) -> CallForm:
    """Return the form of a tool, with an example filled in."""
    example = example_arguments(tool, tool_interface(tool)) or {}
    schema = tool.input_schema
    listed: object = None if isinstance(schema, bool) else schema.get("properties", _NONE)
    if not isinstance(listed, Mapping) or isinstance(schema, bool) or _COMBINED & schema.keys():
        return CallForm((), _written(example))
    properties = cast("Mapping[str, Any]", listed)
    if len(properties) > _MOST or (not properties and schema.get("additionalProperties") is not False):
        return CallForm((), _written(example))
    required = schema.get("required")
    needed = {each for each in cast("Sequence[Any]", required or ()) if isinstance(each, str)}
    fields = [_field(name, each, example, required=name in needed) for name, each in properties.items()]
    return CallForm(tuple(sorted(fields, key=lambda field: not field.required)), None)


def typed_arguments(form: CallForm, typed: Mapping[str, str]) -> dict[str, Any]:
    """Return the arguments that somebody has typed.

    Raises ``ValidationFailed``, with everything in it that is wrong.
    """
    if form.whole is not None:
        return _whole(typed.get(WHOLE, ""))
    found: dict[str, Any] = {}
    wrong: list[str] = []
    for field in form.fields:
        text = typed.get(FIELD + field.name, "").replace("\r\n", "\n")
        if not text.strip() and not (field.required and field.kind == "text"):
            if field.required:
                wrong.append(f"{field.name}: it is needed")
            continue
        try:
            found[field.name] = text if field.type == "string" else _read(field, text)
        except ValueError as error:
            wrong.append(f"{field.name}: {error}")
    if wrong:
        raise ValidationFailed("; ".join(wrong), hint="nothing was called", wrong=wrong)
    return found


def _whole(text: str) -> dict[str, Any]:
    try:
        arguments: Any = json.loads(text.strip() or "{}")
    except ValueError as error:
        raise ValidationFailed(f"this is no JSON: {error}", hint="nothing was called") from error
    if not isinstance(arguments, dict):
        raise ValidationFailed("arguments are an object, such as {}", hint="nothing was called")
    return cast("dict[str, Any]", arguments)


def _read(field: FormField, text: str) -> Any:
    try:
        value: Any = json.loads(text)
    except ValueError as error:
        what = "a number" if field.kind == "number" else "JSON (text needs quotes)"
        raise ValueError(f"it has to be {what}") from error
    if field.kind == "number" and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise ValueError("it has to be a number")
    return value


def _field(name: str, schema: object, example: Mapping[str, Any], *, required: bool) -> FormField:
    described = cast("Mapping[str, Any]", schema) if isinstance(schema, Mapping) else _NONE
    said = described.get("description")
    about = said[:_SHOWN] if isinstance(said, str) else ""
    plain = _without_null(described)
    kind, kind_name, choices = _kind(plain)
    value = ""
    if name in example:
        given = example[name]
        value = given if kind_name == "string" and isinstance(given, str) else _written(given)
    return FormField(name, kind, kind_name, required, about, value, choices)


def _kind(schema: Mapping[str, Any]) -> tuple[Kind, str, tuple[str, ...]]:
    named = schema.get("type")
    choices = schema.get("enum")
    if isinstance(choices, list):
        known = cast("list[Any]", choices)
        if known and all(isinstance(each, str) and each for each in known):
            return "choice", "string", tuple(known)
    elif named == "boolean":
        return "choice", "boolean", ("true", "false")
    elif named == "string":
        return "text", "string", ()
    elif named in {"integer", "number"}:
        return "number", str(named), ()
    return "json", named if isinstance(named, str) else "JSON", ()


def _without_null(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a value may be besides null: an argument that is not given is not sent."""
    if isinstance(schema.get("type"), list):
        kinds = [each for each in cast("list[Any]", schema["type"]) if each != "null"]
        return {**schema, "type": kinds[0]} if len(kinds) == 1 else schema
    ways = schema.get("anyOf")
    if isinstance(ways, list):
        left = [each for each in cast("list[Any]", ways) if each != {"type": "null"}]
        if len(left) == 1 and isinstance(left[0], Mapping):
            return cast("Mapping[str, Any]", left[0])
    return schema


def _written(value: Any) -> str:
    return json.dumps(
        value, ensure_ascii=False, indent=2 if isinstance(value, dict | list) and value else None
    )


def what_is_wrong(error: UnderpassError) -> list[str]:
    """Return each thing that was typed wrongly, or why a call came to nothing."""
    wrong = error.data.get("wrong")
    return [str(each) for each in cast("list[Any]", wrong)] if isinstance(wrong, list) else [error.message]
