"""What M3ToolEval's tasks ask, and their answers, from ``tasks.json``."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any, Final

import orjson

from underpass.bench.task import ScriptedCall

SERVER: Final = "m3tooleval"


@cache
def _texts() -> dict[str, dict[str, Any]]:
    return orjson.loads(files("underpass.bench.m3").joinpath("tasks.json").read_bytes())


def instruction(name: str) -> str:
    """What the task asks."""
    return _texts()[name]["instruction"]


def expected(name: str) -> Any:
    """The task's answer."""
    return _texts()[name]["expected"]


def kebab(name: str) -> str:
    """The name of our task: the first word of the group, and the task's own name."""
    group, own = name.split("/")
    return f"m3-{group.partition('_')[0]}-{own.replace('_', '-')}"


def call(tool: str, **arguments: Any) -> ScriptedCall:
    """A call of one of the tools."""
    return ScriptedCall(SERVER, tool, arguments)
