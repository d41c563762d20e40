"""What a server says of its tools, as the rest of the house sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast


@dataclass(frozen=True, slots=True)
class ToolDefinition:
    """One tool of one server.

    ``server`` and ``name`` are the names that the configuration and the server give;
    identifiers made of them belong to ``codegen``.
    """

    server: str
    name: str
    description: str = ""
    title: str | None = None
    input_schema: Mapping[str, Any] | bool = field(default_factory=lambda: {"type": "object"})
    output_schema: Mapping[str, Any] | bool | None = None
    annotations: Mapping[str, Any] = field(default_factory=dict[str, Any])
    meta: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def id(self) -> str:
        """``server::name``: unique in a catalog."""
        return f"{self.server}::{self.name}"

    @property
    def wraps_result(self) -> bool:
        """Whether a structured result is ``{"result": value}``, of which code receives the value alone.

        Servers wrap so what is no object: the protocol long allowed objects only. FastMCP marks it in
        the schema; the official SDK does not, so an object of one required member ``result`` counts.
        """
        schema = self.output_schema
        if not isinstance(schema, Mapping):
            return False
        properties = schema.get("properties")
        if not isinstance(properties, Mapping) or list(cast("Mapping[str, Any]", properties)) != ["result"]:
            return False
        return schema.get("x-fastmcp-wrap-result") is True or schema.get("required") == ["result"]

    @classmethod
    def from_json(cls, server: str, tool: Mapping[str, Any]) -> ToolDefinition:
        """Read one entry of a ``tools/list`` answer (keys ``inputSchema``, ``outputSchema`` …).

        The entry must be well formed; ``tolerance`` repairs or removes the others before.
        """
        return cls(
            server=server,
            name=tool["name"],
            description=tool.get("description") or "",
            title=tool.get("title"),
            input_schema=tool.get("inputSchema", {"type": "object"}),
            output_schema=tool.get("outputSchema"),
            annotations=tool.get("annotations") or {},
            meta=tool.get("_meta") or {},
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """Something odd about one tool of a listing, and what was done about it.

    ``action`` is ``"repaired"`` (the tool is usable) or ``"quarantined"`` (it is left out).
    """

    server: str
    tool: str
    action: str
    reason: str


@dataclass(frozen=True, slots=True)
class Change:
    """A tool whose definition is not the one in the lock file."""

    server: str
    tool: str
    kind: Literal["changed", "extended", "new", "removed"]
    """``extended``: optional output fields were added, nothing else; such a tool can be called."""
    parts: tuple[str, ...] = ()
    """What differs, of ``title``, ``description``, ``inputSchema``, ``outputSchema`` and ``annotations``."""
    trusted: str | None = None
    """The digest in the lock file."""
    found: str | None = None
    """The digest of what the server says now."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What a server said of itself and of its listing; None for what it did not say."""

    name: str | None = None
    version: str | None = None
    protocol: str | None = None
    """The revision that was spoken."""
    ttl: float | None = None
    """Seconds for which the listing holds."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The tools of one server, in the server's order, and what was odd about them."""

    tools: tuple[ToolDefinition, ...] = ()
    """A tool that changed since it was trusted stands here as it was trusted."""
    findings: tuple[Finding, ...] = ()
    changes: tuple[Change, ...] = ()
    """The tools that changed, were extended or are gone."""
    origin: Origin = field(default_factory=Origin, compare=False)
    """Listings of the same tools are equal, whoever gave them."""
