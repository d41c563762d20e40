"""What ``import underpass`` gives, and what it does not cost."""

from __future__ import annotations

import subprocess
import sys

import pytest

import underpass

NAMES = [
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


@pytest.mark.requirement("R16", "R30")
def test_the_public_names_are_these() -> None:
    assert sorted(underpass.__all__) == NAMES
    assert dir(underpass) == underpass.__all__
    for name in NAMES:
        assert getattr(underpass, name).__name__ == name
    with pytest.raises(AttributeError, match="Underpas'"):
        underpass.Underpas  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize(
    ("statement", "absent"),
    [
        ("import underpass", ["anyio", "pydantic", "mcp"]),
        ("from underpass import Underpass", ["pydantic_ai", "mcp", "openai", "anthropic"]),
        ("from underpass.agent import find_program", ["pydantic_ai", "mcp", "jinja2"]),
        ("from underpass import CodeAgent, AgentOutcome", ["pydantic_ai", "mcp", "openai", "anthropic"]),
    ],
)
def test_an_import_brings_nothing_that_is_not_needed_yet(statement: str, absent: list[str]) -> None:
    code = f"{statement}\nimport sys\nprint([name for name in {absent!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
