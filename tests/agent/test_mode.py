"""``auto`` takes direct calls where one call answers and few definitions are read, and programs elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.agent.agents import SUM, agent
from tests.agent.conftest import Shop
from tests.servers.models import Says, runs, serve_model

from underpass import Underpass
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
    chosen, why = anyio.run(choose, command, listings(tools))
    assert chosen == mode
    assert why


def test_a_database_counts_by_itself() -> None:
    query = {
        "type": "object",
        "properties": {"query": {"type": "string", "description": "A SELECT statement"}},
    }
    tool = ToolDefinition("store", "read_query", "Run a query.", input_schema=query)
    few = {"store": Listing(tools=(tool,))}
    assert anyio.run(choose, "How many pieces are in stock?", few)[0] == "direct"
    assert anyio.run(choose, "How many pieces are in stock?", few | listings(40))[0] == "python"


@pytest.mark.anyio
async def test_results_that_were_large_before_make_a_program_the_choice(
    own_shop: Shop, tmp_path: Path
) -> None:
    command = "Show me orders."
    async with Underpass.open({"shop": own_shop.server}, home=tmp_path) as up:
        with serve_model(Says("none")) as model:
            assert (await agent(up, model).run(command)).mode == "direct", "nothing is known yet"
        for _ in range(3):
            assert (await up.run(SUM)).ok
        with serve_model(runs(SUM), Says("done")) as model:
            outcome = await agent(up, model).run(command)
    assert outcome.mode == "python"
    assert "results of shop" in outcome.why
    assert "list_orders" in outcome.why


@pytest.mark.anyio
async def test_statistics_that_cannot_be_read_decide_nothing(own_shop: Shop, tmp_path: Path) -> None:
    (tmp_path / ".underpass").mkdir()
    (tmp_path / ".underpass" / "metrics").write_text("a file where the folder must be")
    async with Underpass.open({"shop": own_shop.server}, home=tmp_path) as up:
        with serve_model(Says("none")) as model:
            assert (await agent(up, model).run("Show me orders.")).mode == "direct"
