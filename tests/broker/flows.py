"""Runs whose data is followed, for tests: what each read, and what it is about to send."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from underpass.broker.call import Call
from underpass.broker.flow import Flows, RunFlow
from underpass.broker.policy.decision import Decision
from underpass.catalog import ToolDefinition
from underpass.config import FlowSettings

SERVERS = ("mail", "web", "chat", "files")


def flows(folder: Path, settings: FlowSettings | None = None, *, trusted: tuple[str, ...] = ()) -> Flows:
    """What follows data where ``mail`` is private and ``web`` is untrusted."""
    return Flows(
        settings or FlowSettings(private=("mail",), untrusted=("web",)),
        trusted=trusted,
        servers=SERVERS,
        state=folder / ".underpass",
        workspaces=folder / "workspace",
    )


def opened(of: Flows, run: str = "run1", agent: str = "default", session: object | None = None) -> RunFlow:
    """A run that is followed."""
    flow = of.open_run(run, agent, session)
    assert flow is not None
    return flow


def reads(flow: RunFlow, value: Any = "", *, server: str = "mail", tool: str = "read") -> None:
    """Let a run read a value."""
    flow.returned(server, tool, value, orjson.dumps(value))


async def sends(
    flow: RunFlow,
    *,
    server: str = "chat",
    tool: str = "post",
    hints: Mapping[str, Any] | None = None,
    definition: ToolDefinition | None = None,
    **arguments: Any,
) -> Decision | None:
    """What is said of a call that a run is about to make."""
    definition = definition or ToolDefinition(server, tool, annotations=hints or {})
    encoded = orjson.dumps(arguments)
    return await flow.check(Call("run1", "default", definition, "digest", arguments, encoded))
