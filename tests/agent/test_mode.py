"""``auto`` takes direct calls where one call answers and few definitions are read, and programs elsewhere."""

from __future__ import annotations

from typing import Any

import pytest

from underpass.agent.mode import choose
from underpass.catalog.definition import Listing, ToolDefinition

pytestmark = pytest.mark.requirement("R30", "R42")


def listings(tools: int) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    listed = [
        ToolDefinition("weather", f"tool_{number}", "Tells of the weather.", input_schema=schema)
        for number in range(tools)
    ]
    return {"weather": Listing(tools=tuple(listed))}


@pytest.mark.parametrize(
    ("command", "tools", "mode"),
    [
        ("How warm is it in Lisbon?", 3, "direct"),
        ("How much are 5 dollars in francs?", 3, "direct"),
        ("How warm is it in Lisbon?", 40, "python"),
        ("How warm is it in each city?", 3, "python"),
        ("Who are the managers above Tove, up to the chief executive?", 3, "python"),
        ("How warm is it in Lisbon? Use TypeScript.", 3, "typescript"),
    ],
)
def test_the_command_and_the_size_of_all_definitions_decide(command: str, tools: int, mode: str) -> None:
    chosen, why = choose(command, listings(tools))
    assert chosen == mode
    assert why


def test_a_database_counts_by_itself() -> None:
    query = {
        "type": "object",
        "properties": {"query": {"type": "string", "description": "A SELECT statement"}},
    }
    tool = ToolDefinition("store", "read_query", "Run a query.", input_schema=query)
    few = {"store": Listing(tools=(tool,))}
    assert choose("How many pieces are in stock?", few)[0] == "direct"
    assert choose("How many pieces are in stock?", few | listings(40))[0] == "python"
