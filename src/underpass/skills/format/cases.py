"""Recorded cases as a file: ``assets/cases.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import orjson

from underpass.skills.format.frontmatter import NotRead
from underpass.skills.skill import Case, RecordedCall

PATH: Final = "assets/cases.json"
_FORMAT: Final = 1
_KEYS: Final = {"arguments", "calls", "result"}


def dump(cases: Sequence[Case]) -> bytes:
    """Return the file. Raises ``NotRead`` where a value is none of JSON."""
    facts = {"format": _FORMAT, "cases": [_facts(case) for case in cases]}
    try:
        return orjson.dumps(facts, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    except TypeError as error:
        raise NotRead(f"a value is none of JSON: {error}") from error


def parse(content: bytes) -> tuple[Case, ...]:
    """Read the file. Raises ``NotRead`` for anything that is not as ``dump`` writes it."""
    try:
        document: Any = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise NotRead(f"it is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise NotRead("it has to be an object with `format` and `cases`")
    facts = cast("dict[str, Any]", document)
    if facts.get("format") != _FORMAT or not isinstance(facts.get("cases"), list):
        raise NotRead(f"it has to have `format`: {_FORMAT}, and a list of `cases`")
    return tuple(_case(each) for each in facts["cases"])


def _facts(case: Case) -> dict[str, Any]:
    return {
        "arguments": dict(case.arguments),
        "calls": [_call_facts(call) for call in case.calls],
        "result": case.result,
    }


def _call_facts(call: RecordedCall) -> dict[str, Any]:
    facts: dict[str, Any] = {"server": call.server, "tool": call.tool, "arguments": dict(call.arguments)}
    return {**facts, "value": call.value} if call.error is None else {**facts, "error": dict(call.error)}


def _case(facts: object) -> Case:
    found = _object(facts, "a case")
    if found.keys() - _KEYS:
        raise NotRead("a case has `arguments`, `calls` and `result`, and nothing else")
    calls = found.get("calls", [])
    if not isinstance(calls, list):
        raise NotRead("`calls` has to be a list")
    arguments = _object(found.get("arguments", {}), "`arguments`")
    return Case(arguments, tuple(_call(each) for each in cast("list[object]", calls)), found.get("result"))


def _call(facts: object) -> RecordedCall:
    found = _object(facts, "a call")
    server, tool, error = found.get("server"), found.get("tool"), found.get("error")
    if not isinstance(server, str) or not isinstance(tool, str):
        raise NotRead("a call has to have a `server` and a `tool`")
    if error is not None:
        texts = _object(error, "`error`")
        error = {key: value for key, value in texts.items() if isinstance(value, str)}
        if error.keys() != texts.keys() or not error.keys() >= {"type", "message"}:
            raise NotRead("an `error` has the texts `type` and `message`")
    arguments = _object(found.get("arguments", {}), "`arguments`")
    return RecordedCall(server, tool, arguments, found.get("value"), error)


def _object(value: object, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise NotRead(f"{what} has to be an object")
    return cast("dict[str, Any]", value)
