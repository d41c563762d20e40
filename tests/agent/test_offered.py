"""A model is told of the tools that fit its command, and of their neighbours in few words."""

from __future__ import annotations

from typing import Any

import pytest

from underpass.agent.offered import offered
from underpass.catalog.definition import Listing, ToolDefinition
from underpass.codegen.calls import Language
from underpass.discovery import ToolIndex
from underpass.metrics import tokens

pytestmark = pytest.mark.requirement("R30")


def tool(server: str, name: str, description: str, *parameters: str, optional: int = 0) -> ToolDefinition:
    properties: dict[str, Any] = {each: {"type": "string"} for each in parameters}
    required = list(parameters)[: len(parameters) - optional]
    schema = {"type": "object", "properties": properties, "required": required}
    return ToolDefinition(server, name, description, input_schema=schema)


LEDGER = [
    tool("ledger", "list_invoices", "List the invoices of a customer.", "customer"),
    tool("ledger", "pay", "Settle what is due.", "number", "day", optional=1),
]
MAIL = [tool("mail", f"tool_{number}", f"Letter {number}.", "to") for number in range(40)]


def told(query: str, *tools: ToolDefinition, language: Language = "python") -> str:
    index = ToolIndex.build({**vars_of(each), "server": each.server} for each in tools)
    known: dict[str, list[ToolDefinition]] = {}
    for each in tools:
        known.setdefault(each.server, []).append(each)
    listings = {name: Listing(tools=tuple(found)) for name, found in known.items()}
    return offered(index.search(query, 12), listings, {name: name for name in known}, language)


def vars_of(each: ToolDefinition) -> dict[str, Any]:
    return {"name": each.name, "description": each.description, "inputSchema": each.input_schema}


def test_what_fits_is_told_with_types_and_its_neighbours_with_names() -> None:
    assert told("the invoices of a customer", *LEDGER).split("\n") == [
        "ledger.list_invoices(*, customer: str)  # List the invoices of a customer.",
        "ledger.pay(number, day?)",
    ]
    assert "ledger.pay({ number, day? })" in told(
        "the invoices of a customer", *LEDGER, language="typescript"
    )


def test_what_is_told_is_bounded_however_large_the_servers_are() -> None:
    lines = told("letter", *MAIL, *LEDGER)
    assert tokens.count(lines) <= 300
    assert len(lines.split("\n")) <= 12, "of so large a server only what fits is told"
    assert told("nothing of the kind", *MAIL) == ""
