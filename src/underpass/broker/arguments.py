"""Validates a call's arguments against the tool's schema, before the server sees them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

import jsonschema_rs

from underpass.catalog import ToolDefinition
from underpass.errors import ToolArgumentsInvalid, did_you_mean

_UNDECIDED = (
    jsonschema_rs.ValidationErrorKind.BacktrackLimitExceeded,
    jsonschema_rs.ValidationErrorKind.RegexEngineFailure,
)
_SHOWN_ERRORS = 5
_SHOWN_PARAMETERS = 30
_SHOWN_VALUE = 80
# Parameters may be declared inside any of these, so an unlisted name proves nothing.
_OPEN_KEYWORDS = (
    "$ref",
    "$dynamicRef",
    "allOf",
    "anyOf",
    "oneOf",
    "if",
    "dependentSchemas",
    "patternProperties",
)


class ArgumentValidator:
    """Validates the arguments of one tool; made once, used for every call.

    ``fault`` says why the schema could not be compiled; nothing is validated then.
    """

    def __init__(self, tool: ToolDefinition) -> None:
        self._tool = tool
        self.fault: str | None = None
        self._validator: jsonschema_rs.Validator | None = None
        try:
            schema = tool.input_schema
            self._validator = jsonschema_rs.validator_for(
                schema if isinstance(schema, bool) else dict(schema), retriever=_accept_anything
            )
        except (ValueError, jsonschema_rs.ReferencingError, RecursionError) as error:
            self.fault = f"the input schema cannot be compiled: {str(error).splitlines()[0]}"
        self._known = _closed_parameters(tool.input_schema)

    def validate(self, arguments: Mapping[str, Any]) -> None:
        """Raise ``ToolArgumentsInvalid`` unless the arguments fit."""
        # A server that ignores a misspelt parameter does something else than was asked, without a word.
        if self._known is not None and not self._known.issuperset(arguments):
            self._refuse([_unknown(name) for name in arguments if name not in self._known], arguments)
        if self._validator is None or self._validator.is_valid(arguments):
            return
        errors: list[tuple[str, str]] = []
        for error in self._validator.iter_errors(arguments):
            # A pattern that takes too long to match says nothing about the value: the server decides.
            if not isinstance(error.kind, _UNDECIDED):
                errors.extend(_explain(error))
            if len(errors) >= _SHOWN_ERRORS:
                break
        if errors:
            self._refuse(errors, arguments)

    def _refuse(self, errors: list[tuple[str, str]], arguments: Mapping[str, Any]) -> None:
        parameters = _parameters(self._tool.input_schema)
        close = [
            f"did you mean {' or '.join(map(repr, found))} for {name!r}?"
            for name in arguments
            if name not in parameters and (found := did_you_mean(name, parameters))
        ]
        schema = self._tool.input_schema
        required: list[str] = [] if isinstance(schema, bool) else schema.get("required", [])
        shown = [_signature(name, part, required=name in required) for name, part in parameters.items()]
        more = len(shown) - _SHOWN_PARAMETERS
        listed = ", ".join(shown[:_SHOWN_PARAMETERS]) + (f" and {more} more" if more > 0 else "")
        raise ToolArgumentsInvalid(
            f"{self._tool.server}.{self._tool.name}: " + "; ".join(text for _, text in errors),
            hint=" ".join([*close, f"parameters: {listed}" if shown else "it takes no parameters"]),
            server=self._tool.server,
            tool=self._tool.name,
            parameter=errors[0][0],
            parameters=list(parameters),
        )


def _accept_anything(_uri: str) -> bool:
    """Stand in for a schema elsewhere: nothing is ever fetched, and that part is not validated."""
    return True


def _closed_parameters(schema: Mapping[str, Any] | bool) -> frozenset[str] | None:
    """The names of all parameters; None when the schema leaves room for others."""
    if isinstance(schema, bool):
        return None
    if "additionalProperties" in schema:
        closed = schema["additionalProperties"] is False and "patternProperties" not in schema
    else:
        closed = "properties" in schema and not any(keyword in schema for keyword in _OPEN_KEYWORDS)
    return frozenset(_parameters(schema)) if closed else None


def _parameters(schema: Mapping[str, Any] | bool) -> Mapping[str, Any]:
    properties = None if isinstance(schema, bool) else schema.get("properties")
    return cast("Mapping[str, Any]", properties) if isinstance(properties, Mapping) else {}


def _explain(error: jsonschema_rs.ValidationError) -> list[tuple[str, str]]:
    """The parameter that is wrong, and what is wrong with it; several for several unknown names."""
    path = _path(error.instance_path)
    match error.kind:
        case jsonschema_rs.ValidationErrorKind.Required():
            name = error.kind.property
            return [(_join(path, name), f"{_join(path, name)!r} is missing")]
        case jsonschema_rs.ValidationErrorKind.AdditionalProperties(unexpected=names):
            return [_unknown(_join(path, name)) for name in names]
        case _:
            what = _cut(error.message)
            return [(path, f"{path!r}: {what}" if path else what)]


def _unknown(name: str) -> tuple[str, str]:
    return name, f"there is no parameter {name!r}"


def _path(steps: list[str | int]) -> str:
    path = ""
    for step in steps:
        path = f"{path}[{step}]" if isinstance(step, int) else _join(path, step)
    return path


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _cut(text: str) -> str:
    # The message opens with the value itself, which may be megabytes.
    text = text.splitlines()[0] if text else "it does not fit"
    return text if len(text) <= 3 * _SHOWN_VALUE else f"{text[:_SHOWN_VALUE]} … {text[-_SHOWN_VALUE:]}"


def _signature(name: str, part: object, *, required: bool) -> str:
    """One parameter as the hint shows it: ``max_count: integer = 10``."""
    schema: Mapping[str, Any] = cast("Mapping[str, Any]", part) if isinstance(part, Mapping) else {}
    text = f"{name}: {_type(schema)}"
    if "default" in schema:
        return f"{text} = {_cut(json.dumps(schema['default'], ensure_ascii=False))}"
    return text if required else f"{text} (optional)"


def _type(schema: Mapping[str, Any]) -> str:
    if isinstance(options := schema.get("enum"), list):
        return _cut(" | ".join(json.dumps(option) for option in cast("list[object]", options)))
    kind = schema.get("type")
    if isinstance(kind, list):
        return " | ".join(map(str, cast("list[object]", kind)))
    for keyword in ("anyOf", "oneOf"):
        if isinstance(parts := schema.get(keyword), list):
            types = (
                _type(cast("Mapping[str, Any]", part))
                for part in cast("list[object]", parts)
                if isinstance(part, Mapping)
            )
            return " | ".join(dict.fromkeys(types))
    return str(kind) if kind else "any"
