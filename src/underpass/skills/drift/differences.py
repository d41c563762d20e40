"""How the tools that a skill calls differ from those that it was saved with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from underpass.broker.resources import request_definition
from underpass.catalog.changes import changed_parts
from underpass.catalog.definition import Listing, ToolDefinition
from underpass.catalog.digest import definition, tool_digest

Kind = Literal["changed", "gone", "not trusted", "not connected"]
_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Drift:
    """One tool that is no longer what it was."""

    server: str
    tool: str
    kind: Kind
    parts: tuple[str, ...] = ()
    """What changed, such as ``inputSchema``, where that is known."""
    detail: str = ""

    @property
    def name(self) -> str:
        """``server.tool``."""
        return f"{self.server}.{self.tool}" if self.tool else self.server

    def in_words(self) -> str:
        """Say it in a few words."""
        match self.kind:
            case "changed":
                return f"{self.name} changed ({', '.join(self.parts) or 'its definition'})"
            case "gone":
                return f"{self.name} is gone"
            case "not trusted":
                return (
                    f"{self.name} changed ({', '.join(self.parts) or 'its definition'}) and waits for trust"
                )
            case "not connected":
                why = f": {self.detail[:_SHOWN]}" if self.detail else ""
                return f"the server {self.server} is not connected{why}"

    def to_dict(self) -> dict[str, Any]:
        """The difference as a JSON object."""
        return {"server": self.server, "tool": self.tool, "kind": self.kind, "parts": list(self.parts)}


def drift_of(
    server: str, tool: str, digest: str, listing: Listing, before: Mapping[str, Any] | None
) -> Drift | None:
    """Return how one tool differs from what it was; None where it does not.

    Parameters:
        digest: of its definition when the skill was saved; empty for what is no tool.
        listing: of its server, now.
        before: that definition, where it is known.
    """
    for change in listing.changes:
        if change.tool == tool and change.kind == "changed":
            return Drift(server, tool, "not trusted", change.parts)
    found = find(listing, tool)
    if found is None:
        return None if request_definition(server, tool) is not None else Drift(server, tool, "gone")
    if not digest or tool_digest(found) == digest:
        return None
    return Drift(server, tool, "changed", () if before is None else changed_parts(before, definition(found)))


def find(listing: Listing, tool: str) -> ToolDefinition | None:
    """Return a tool of a listing."""
    return next((each for each in listing.tools if each.name == tool), None)


def split(name: str, servers: Sequence[str]) -> tuple[str, str] | None:
    """Return the server and the tool of ``server.tool``, where the server is one of ``servers``."""
    at = name.find(".")
    while at != -1:
        if name[:at] in servers:
            return name[:at], name[at + 1 :]
        at = name.find(".", at + 1)
    return None
