"""Reads what a request says into the models that its route declares."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import QueryParams

from underpass.errors import ValidationFailed
from underpass.server.problem import Refused

M = TypeVar("M", bound=BaseModel)
_SHOWN: Final = 10
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_SWITCH: Final = {"true": True, "false": False}

PATH_PATTERNS: Final[Mapping[str, tuple[str, str]]] = {
    "run": ("[0-9a-z]{1,32}", "A run's id."),
    "agent": (r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "An agent's name."),
    "server": (r"[^/\\\x00-\x1f\x7f]{1,200}", "A server's name in the configuration."),
    "tool": (r"[^/\\\x00-\x1f\x7f]{1,200}", "A tool's name in its server's listing."),
    "skill": (r"[A-Za-z0-9_-]{1,64}", "A skill's name."),
    "checkpoint": (r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "A checkpoint's name."),
    "handle": (r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}", "A kept result, without the folder before its name."),
    "question": ("[0-9a-f]{1,32}", "A question's id."),
    "session": (r"[^/\\\x00-\x1f\x7f]{1,100}", "A session's name."),
}
"""What stands for a name in a path, and what it means."""
_PATTERNS: Final = {name: re.compile(pattern) for name, (pattern, _) in PATH_PATTERNS.items()}


def check_path(names: Mapping[str, Any]) -> None:
    """Look at what stands in the path. Raises ``Refused``: there can be nothing of that name."""
    for name, value in names.items():
        if not _PATTERNS[name].fullmatch(value) or value in {".", ".."}:
            raise Refused(404, ValidationFailed(f"there can be no {name} {value!r:.100}"))


def read_body(model: type[M], content_type: str, content: bytes) -> M:
    """Return the body. Raises ``Refused``."""
    # A form or plain text could come from a page of another site without asking.
    if content_type.partition(";")[0].strip().casefold() != "application/json":
        raise Refused(
            415, ValidationFailed("the body is no JSON", hint="send Content-Type: application/json")
        )
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        raise _invalid(error, "the body does not fit") from None


def read_query(model: type[M], given: QueryParams) -> M:
    """Return the parameters. Raises ``Refused``."""
    values: dict[str, Any] = {}
    kinds = _kinds(model)
    for name, value in given.multi_items():
        if name in values:
            raise Refused(422, ValidationFailed(f"the parameter {name!r:.60} is given twice"))
        values[name] = _converted(value, kinds.get(name, ""))
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _invalid(error, "the parameters do not fit") from None


def _converted(value: str, kind: str) -> Any:
    if kind == "integer" and _INTEGER.fullmatch(value):
        return int(value)
    if kind == "boolean":
        return _SWITCH.get(value, value)
    return value


@cache
def _kinds(model: type[BaseModel]) -> Mapping[str, str]:
    """The JSON types of a model's fields."""
    return {
        name: plain(schema).get("type", "")
        for name, schema in model.model_json_schema()["properties"].items()
    }


def plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a parameter's schema without null, which cannot be said in an address."""
    kinds = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    if len(kinds) != 1:
        return schema
    rest = {name: value for name, value in schema.items() if name not in {"anyOf", "default"}}
    return {**kinds[0], **rest}


def _invalid(error: ValidationError, what: str) -> Refused:
    found = [
        {"at": ".".join(map(str, each["loc"]))[:200], "what": each["msg"][:300]}
        for each in error.errors(include_url=False, include_context=False, include_input=False)[:_SHOWN]
    ]
    first = f"{found[0]['at']}: {found[0]['what']}" if found[0]["at"] else found[0]["what"]
    return Refused(422, ValidationFailed(f"{what}: {first}", hint="see /api/openapi.json", problems=found))
