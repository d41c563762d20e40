"""What is decided where no rule says anything."""

from __future__ import annotations

from collections.abc import Collection

from underpass.broker.policy.decision import Decision
from underpass.broker.policy.rule import Annotation
from underpass.catalog import ToolDefinition
from underpass.config import PolicySettings

_UNKNOWN = {
    "allow": "no rule is about it",
    "ask": 'no rule is about it, and `unknown` of [policy] is "ask"',
    "deny": 'no rule is about it, and `unknown` of [policy] is "deny"',
}


def counted_annotations(tool: ToolDefinition, *, trusted: bool, request: bool) -> frozenset[Annotation]:
    """Return what counts of what a server says of a tool.

    That a tool does harm counts always; that it does none, for a trusted server only. A request for
    resources or prompts only reads: that is the protocol's word, not the server's.
    """
    if request:
        return frozenset({"read_only", "idempotent", "open_world"})
    hints = tool.annotations
    counts: set[Annotation] = set()
    if hints.get("destructiveHint") is True:
        counts.add("destructive")
    elif trusted and hints.get("readOnlyHint") is True:
        counts |= {"read_only", "idempotent"}
    if trusted and hints.get("idempotentHint") is True:
        counts.add("idempotent")
    # Where nothing is said, the protocol takes a tool for one that reaches the open world.
    if not (trusted and hints.get("openWorldHint") is False):
        counts.add("open_world")
    return frozenset(counts)


def default_decision(counts: Collection[Annotation], settings: PolicySettings) -> Decision:
    """Return what holds for a tool of which so much counts. Its ``setting`` is empty."""
    if "destructive" in counts:
        return Decision("ask", "default: destructive", "its server says that it is destructive")
    if "read_only" in counts:
        return Decision("allow", "default: read-only", "it only reads")
    return Decision(settings.unknown, "default: unknown", _UNKNOWN[settings.unknown])
