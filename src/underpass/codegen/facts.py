"""What is known of a tool beside its definition, for its documentation."""

from __future__ import annotations

from dataclasses import dataclass

from underpass.catalog.definition import ToolDefinition


@dataclass(frozen=True, slots=True)
class ToolFacts:
    """What discovery says of a tool."""

    category: str = ""
    capabilities: tuple[str, ...] = ()
    related: tuple[ToolDefinition, ...] = ()
    """The nearest other tools, those of its own server first."""


NO_FACTS = ToolFacts()
"""The facts of a tool that is in no index."""
