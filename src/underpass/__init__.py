"""Underpass: a model's code calls MCP tools from a kernel-isolated sandbox.

    async with Underpass.open(".mcp.json") as up:
        result = await up.run("1 + 1")

Importing this package imports nothing else: the zygote of every sandbox does it, too.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from underpass._underpass import Underpass
    from underpass.agent import AgentOutcome, CodeAgent
    from underpass.errors import (
        CallUnknown,
        Cancelled,
        CodeError,
        ConfigError,
        ExecutionError,
        GenerationFailed,
        LimitExceeded,
        LoginFailed,
        ModelFailed,
        Overloaded,
        PermissionDenied,
        ResultInvalid,
        ResultNotFound,
        RunDiverged,
        SandboxCrashed,
        SandboxUnavailable,
        ServerNotFound,
        ServerUnavailable,
        Timeout,
        ToolArgumentsInvalid,
        ToolChanged,
        ToolError,
        ToolFailed,
        ToolLimitExceeded,
        ToolNotFound,
        ToolTimeout,
        ToolUnavailable,
        UnderpassError,
        ValidationFailed,
        WorkspaceFull,
    )
    from underpass.execution.result import RunResult

_HOMES = {
    "AgentOutcome": "underpass.agent",
    "CodeAgent": "underpass.agent",
    "RunResult": "underpass.execution.result",
    "Underpass": "underpass._underpass",
}

__all__ = [
    "AgentOutcome",
    "CallUnknown",
    "Cancelled",
    "CodeAgent",
    "CodeError",
    "ConfigError",
    "ExecutionError",
    "GenerationFailed",
    "LimitExceeded",
    "LoginFailed",
    "ModelFailed",
    "Overloaded",
    "PermissionDenied",
    "ResultInvalid",
    "ResultNotFound",
    "RunDiverged",
    "RunResult",
    "SandboxCrashed",
    "SandboxUnavailable",
    "ServerNotFound",
    "ServerUnavailable",
    "Timeout",
    "ToolArgumentsInvalid",
    "ToolChanged",
    "ToolError",
    "ToolFailed",
    "ToolLimitExceeded",
    "ToolNotFound",
    "ToolTimeout",
    "ToolUnavailable",
    "Underpass",
    "UnderpassError",
    "ValidationFailed",
    "WorkspaceFull",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'underpass' has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "underpass.errors")), name)


def __dir__() -> list[str]:
    return __all__
