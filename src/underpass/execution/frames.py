"""What a guest may say, checked field by field: a program can put anything on its channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, cast

from underpass.errors import SandboxCrashed


@dataclass(frozen=True, slots=True)
class Done:
    """The program has ended."""

    value: Any
    error: Mapping[str, Any] | None
    problems: list[tuple[str, str]]
    """Places in the value that JSON cannot express, and why."""
    started: float | None
    """When its first line ran, by the system's monotonic clock."""
    refused: bool = False
    """Whether a file of the program's could not grow."""


@dataclass(frozen=True, slots=True)
class Output:
    """The program printed something."""

    stream: Literal["stdout", "stderr"]
    text: str


class Call(NamedTuple):
    """The program calls a tool."""

    id: int
    server: str
    tool: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ask:
    """The program calls one of ``mcp_runtime``'s functions."""

    id: int
    what: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Module:
    """The program imports a generated module."""

    id: int
    name: str
    magic: str
    """The guest's version of compiled Python, in hexadecimal."""


@dataclass(frozen=True, slots=True)
class Cancel:
    """The program no longer waits for an answer."""

    id: int


@dataclass(frozen=True, slots=True)
class Progress:
    """The program says how far it is."""

    value: float
    total: float | None
    message: str | None


@dataclass(frozen=True, slots=True)
class Use:
    """The program called a skill: figures, which nothing but statistics may rest on."""

    key: str
    under_way: int
    """1 where a call begins, -1 where it ends, 0 for calls that are told of together."""
    ok: int
    failed: int
    milliseconds: float
    """Of all of them."""


GuestFrame = Done | Output | Call | Ask | Module | Cancel | Progress | Use


def read(frame: Mapping[str, Any]) -> GuestFrame:
    """Return what a frame says. Raises ``SandboxCrashed`` where our guest would not have sent it."""
    match frame.get("op"):
        case "call":
            return _call(frame)
        case "done":
            return _done(frame)
        case "out":
            stream = "stderr" if frame.get("stream") == "stderr" else "stdout"
            return Output(stream, _field(frame, "text", str))
        case "module":
            return Module(_field(frame, "id", int), _field(frame, "name", str), _field(frame, "magic", str))
        case "ask":
            return Ask(_field(frame, "id", int), _field(frame, "what", str), _object(frame, "arguments"))
        case "cancel":
            return Cancel(_field(frame, "id", int))
        case "progress":
            total, message = frame.get("total"), frame.get("message")
            return Progress(
                _number(_field(frame, "value", (int, float))),
                _number(total) if isinstance(total, int | float) else None,
                message if isinstance(message, str) else None,
            )
        case "use":
            return Use(
                _field(frame, "key", str),
                _field(frame, "under_way", int),
                _field(frame, "ok", int),
                _field(frame, "failed", int),
                _number(_field(frame, "milliseconds", (int, float))),
            )
        case other:
            raise _meaningless(f"there is no operation {str(other)[:50]!r}")


def _call(frame: Mapping[str, Any]) -> Call:
    number: Any = frame.get("id")
    server: Any = frame.get("server")
    tool: Any = frame.get("tool")
    arguments: Any = frame.get("arguments")
    # What the decoder makes of JSON is never of a subclass, but for true and false.
    if not (type(number) is int and type(server) is str and type(tool) is str and type(arguments) is dict):
        for name, kind in (("id", int), ("server", str), ("tool", str), ("arguments", dict)):
            _field(frame, name, kind)
    return Call(number, server, tool, arguments)


def _done(frame: Mapping[str, Any]) -> Done:
    pairs = map(_list, _list(frame.get("problems"))[:10])
    problems = [(str(pair[0]), str(pair[1])) for pair in pairs if len(pair) == 2]
    started = frame.get("started")
    return Done(
        frame.get("value"),
        _object(frame, "error") if "error" in frame else None,
        problems,
        started if isinstance(started, float) else None,
        frame.get("refused") is True,
    )


def _number(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        raise _meaningless("a number is too large") from None


def _list(value: Any) -> list[Any]:
    return cast("list[Any]", value) if isinstance(value, list) else []


def _object(frame: Mapping[str, Any], name: str) -> dict[str, Any]:
    return cast("dict[str, Any]", _field(frame, name, dict))


def _field(frame: Mapping[str, Any], name: str, kind: type | tuple[type, ...]) -> Any:
    value = frame.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise _meaningless(f"the field {name!r} of {str(frame.get('op'))[:50]!r} is of the wrong type")
    return value


def _meaningless(why: str) -> SandboxCrashed:
    return SandboxCrashed(
        f"the sandbox sent a frame that means nothing: {why}",
        hint="the program wrote to the sandbox's own channel",
    )
