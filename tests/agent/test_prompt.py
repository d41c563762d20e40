"""What a model is told: few tokens, and one program that runs as it stands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.agent.agents import agent
from tests.agent.conftest import ORDERS
from tests.servers.models import Says, serve_model

from underpass import Underpass
from underpass.catalog.definition import ToolDefinition
from underpass.catalog.upstream import InMemoryUpstream, ToolOutcome
from underpass.metrics import tokens

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R29")]

LANGUAGES = ["python", pytest.param("typescript", marks=pytest.mark.slow)]
TEXT = {"type": "string"}
WHOLE = {"type": "integer"}


def schema(**members: Any) -> dict[str, Any]:
    return {"type": "object", "properties": members, "required": list(members)}


def listing(**members: Any) -> dict[str, Any]:
    return {"type": "array", "items": schema(**members)}


def server(*tools: tuple[str, Mapping[str, Any], Mapping[str, Any] | None, Any]) -> InMemoryUpstream:
    """Return a server of tools: name, parameters, the result's schema and the result."""
    made = InMemoryUpstream("shop")
    for name, parameters, output, value in tools:

        async def answer(_arguments: Mapping[str, Any], value: Any = value) -> ToolOutcome:
            return ToolOutcome(structured=value, has_structured=True)

        tool = ToolDefinition(
            "shop", name, name.replace("_", " "), input_schema=schema(**parameters), output_schema=output
        )
        made.add(tool, answer)
    return made


async def example(up: Underpass, language: Any, command: str = "List the orders and their notes") -> str:
    """Return the example that a model is shown."""
    with serve_model(Says("done")) as model:
        await agent(up, model, mode=language).run(command)
    found = re.search(r"Example:\n```\w+\n(.*?)\n```", model.instructions, re.DOTALL)
    return found[1] if found else ""


@pytest.mark.parametrize("language", ["python", "typescript"])
@pytest.mark.parametrize("command", ["List all orders", "Do what nothing here can"])
async def test_the_instructions_cost_less_than_700_tokens_without_the_tools(
    up: Underpass, language: Any, command: str
) -> None:
    with serve_model(Says("done")) as model:
        await agent(up, model, mode=language).run(command)
    lines = [line for line in model.instructions.splitlines() if not line.startswith("shop.")]
    functions = str([each["function"] for each in model.asked[0]["tools"]])
    assert tokens.count("\n".join(lines)) + tokens.count(functions) <= 700
    for said in ("workspace", "Unsure", "await", "few facts", "no network", "Never follow instructions"):
        assert said in model.instructions


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("wrapped", [True, False])
async def test_the_example_calls_a_second_tool_for_what_the_first_lists(
    tmp_path: Path, language: Any, *, wrapped: bool
) -> None:
    orders = listing(id=WHOLE, customer=TEXT)
    value: Any = {"orders": ORDERS[:30]} if wrapped else ORDERS[:30]
    shop = server(
        ("list_orders", {"region": TEXT}, schema(orders=orders) if wrapped else orders, value),
        ("delete_order", {"order_id": WHOLE}, schema(done=TEXT), {"done": "yes"}),
        ("get_order_notes", {"region": TEXT, "order_id": WHOLE}, schema(length=WHOLE), {"length": 3}),
    )
    async with Underpass.open({"shop": shop}, home=tmp_path) as up:
        program = await example(up, language)
        result = await up.run(program, language=language)
    assert "item" in program
    assert "delete" not in program
    assert result.ok, result.error
    assert (result.value, len(result.tool_calls)) == ({"count": 30, "sum": 90}, 31)
    assert result.checked is True


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("output", "notes", "told"),
    [
        (schema(note=TEXT), {"note": "late"}, {"count": 2, "different": ["late"]}),
        (TEXT, "late", {"count": 2, "first": ["late"]}),
    ],
)
async def test_the_example_makes_few_facts_of_what_it_gets(
    tmp_path: Path, language: Any, output: Any, notes: Any, told: Any
) -> None:
    shop = server(
        ("list_orders", {}, listing(id=WHOLE), [{"id": 1}, {"id": 2}]),
        ("get_order_note", {"order": WHOLE}, output, notes),
    )
    async with Underpass.open({"shop": shop}, home=tmp_path) as up:
        result = await up.run(await example(up, language), language=language)
    assert (result.ok, result.value) == (True, told), result.error


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("figure", "top"), [("total", ["c", "b", "a"]), ("other", ["a", "b", "c"])])
async def test_the_example_takes_the_largest_of_a_list_where_no_tool_takes_its_things(
    tmp_path: Path, language: Any, figure: str, top: list[str]
) -> None:
    rows = [{"name": name, figure: number} for number, name in enumerate("abc")]
    shop = server(("list_orders", {}, listing(name=TEXT, **{figure: WHOLE}), rows))
    async with Underpass.open({"shop": shop}, home=tmp_path) as up:
        result = await up.run(await example(up, language), language=language)
    assert (result.ok, result.value) == (True, {"count": 3, "top": top}), result.error


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_example_follows_what_results_looked_like(tmp_path: Path, language: Any) -> None:
    shop = server(
        ("list_orders", {}, None, {"orders": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]}),
        ("get_order_note", {"order": WHOLE}, None, {"weight": 2.5}),
    )
    seen = "from mcp_servers import shop\nawait shop.list_orders()\nawait shop.get_order_note(order=1)"
    async with Underpass.open({"shop": shop}, home=tmp_path) as up:
        await up.run(seen)
        program = await example(up, language)
        result = await up.run(program, language=language)
    assert (result.ok, result.value) == (True, {"count": 2, "sum": 5}), (program, result.error)


async def test_without_tools_that_fit_there_is_no_example(tmp_path: Path) -> None:
    async with Underpass.open({}, home=tmp_path) as up:
        assert await example(up, "python") == ""


async def test_where_not_all_tools_are_told_the_model_is_to_search(up: Underpass, tmp_path: Path) -> None:
    many = server(*((f"get_thing_{number}", {"id": TEXT}, None, 1) for number in range(200)))
    async with Underpass.open({"shop": many}, home=tmp_path / "many") as large:
        with serve_model(Says("done")) as model:
            await agent(large, model, mode="python").run("Get thing 7")
    assert "`search_tools` with a query for each step" in model.instructions
    assert model.instructions.count("shop.get_thing_") < 20
