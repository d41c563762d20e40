"""What a tool that declares another result now would have answered, as far as its schemas say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, cast

import jsonschema_rs

from underpass.catalog.definition import ToolDefinition
from underpass.skills.skill import Case, RecordedCall

_DEPTH: Final = 32
Schema = Mapping[str, Any]


def projected(case: Case, changed: Mapping[tuple[str, str], tuple[Schema, ToolDefinition]]) -> Case:
    """Return a case with its answers as the tools would give them now.

    What a tool declared before and does not declare any more is left out: a skill that needs it fails.

    Parameters:
        changed: by server and tool: the definition of before, and the tool as it is now.
    """
    calls: list[RecordedCall] = []
    for call in case.calls:
        pair = changed.get((call.server, call.tool))
        calls.append(call if pair is None or call.error is not None else _answer(call, *pair))
    return replace(case, calls=tuple(calls))


def contradiction(case: Case, changed: Mapping[tuple[str, str], tuple[Schema, ToolDefinition]]) -> str:
    """Say which recorded answer the tool would not give any more; empty where there is none.

    A field that is new does no harm, and one that is gone was left out: what counts is another type.
    """
    for call in case.calls:
        pair = changed.get((call.server, call.tool))
        if pair is None or call.error is not None:
            continue
        schema = pair[1].output_schema
        if not isinstance(schema, Mapping) or pair[1].wraps_result:
            continue
        value: object = call.value
        if not isinstance(value, dict):
            continue
        try:
            validator = jsonschema_rs.validator_for(dict(schema), retriever=lambda _uri: True)
        except (ValueError, jsonschema_rs.ReferencingError, RecursionError):
            continue
        for error in validator.iter_errors(value):
            if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Type):
                path = ".".join(map(str, error.instance_path)) or "its result"
                return f"{call.server}.{call.tool} declares another type of {path[:100]} now"
    return ""


def _answer(call: RecordedCall, before: Schema, tool: ToolDefinition) -> RecordedCall:
    old, new = before.get("outputSchema"), tool.output_schema
    if not isinstance(old, Mapping) or not isinstance(new, Mapping):
        return call
    olds = cast("Schema", old)
    value: Any = {"result": call.value} if tool.wraps_result else call.value
    kept = _kept(value, (olds, olds), (new, new), 0)
    return replace(call, value=kept.get("result") if tool.wraps_result else kept)


def _kept(value: Any, old: tuple[Schema, Schema], new: tuple[Schema, Schema], depth: int) -> Any:
    """Leave out what is declared by the first schema and not by the second (each with its document)."""
    before, after = _resolved(*old), _resolved(*new)
    if depth > _DEPTH or before is None or after is None:
        return value
    if isinstance(value, list):
        ones, others = before.get("items"), after.get("items")
        if not isinstance(ones, Mapping) or not isinstance(others, Mapping):
            return cast("object", value)
        inner = (cast("Schema", ones), old[1]), (cast("Schema", others), new[1])
        return [_kept(entry, *inner, depth + 1) for entry in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    fields, present = before.get("properties"), after.get("properties")
    if not isinstance(fields, Mapping) or not isinstance(present, Mapping):
        return cast("object", value)
    was, now = cast("Schema", fields), cast("Schema", present)
    kept: dict[str, Any] = {}
    for name, member in cast("dict[str, Any]", value).items():
        if name not in was:
            kept[name] = member
        elif name in now:
            one, other = was[name], now[name]
            both = isinstance(one, Mapping) and isinstance(other, Mapping)
            pair = (cast("Schema", one), old[1]), (cast("Schema", other), new[1])
            kept[name] = _kept(member, *pair, depth + 1) if both else member
    return kept


def _resolved(schema: Schema, document: Schema) -> Schema | None:
    """Follow references within the document."""
    for _ in range(_DEPTH):
        reference = schema.get("$ref")
        if reference is None:
            return schema
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return None
        found: Any = document
        for step in reference[2:].split("/"):
            if not isinstance(found, Mapping):
                return None
            found = cast("Schema", found).get(step.replace("~1", "/").replace("~0", "~"))
        if not isinstance(found, Mapping):
            return None
        schema = cast("Schema", found)
    return None
