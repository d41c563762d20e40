"""Direct calls: the model calls the tools itself, with the same policy and bounds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.agent.agents import agent
from tests.agent.conftest import Shop
from tests.servers.models import Says, serve_model

from underpass import Underpass
from underpass.catalog.definition import ToolDefinition
from underpass.catalog.upstream import InMemoryUpstream, ToolOutcome

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R30", "R31")]


def warehouse(number: int) -> InMemoryUpstream:
    """Return a server with so many tools that a model is not told of all of them."""
    made = InMemoryUpstream("warehouse")

    async def answer(arguments: Mapping[str, Any]) -> ToolOutcome:
        return ToolOutcome(structured={"shelf": arguments["id"]}, has_structured=True)

    schema = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
    for each in range(number):
        about = f"Return the shelf of product {each}. " + "It says where the product is kept. " * 8
        made.add(ToolDefinition("warehouse", f"get_shelf_{each}", about, input_schema=schema), answer)
    long = "locate " * 12
    tool = ToolDefinition("warehouse", f"find.pallet {long}", "Find a pallet", input_schema=schema)
    made.add(tool, answer)
    return made


@pytest.mark.parametrize("queries", [["find a pallet"], "find a pallet"])
async def test_tools_that_are_not_shown_are_searched_and_then_called(tmp_path: Path, queries: Any) -> None:
    search = Says(calls=(("search_tools", {"queries": queries}),))
    async with Underpass.open({"warehouse": warehouse(120)}, home=tmp_path) as up:
        with serve_model(search, Says("It is there.")) as model:
            await agent(up, model, mode="direct").run("Where is product 7?")
        shown = [each["function"]["name"] for each in model.asked[0]["tools"]]
        now = [each["function"]["name"] for each in model.asked[1]["tools"]]
        assert len(shown) < 20
        assert "You can call these now: warehouse.find.pallet" in model.last_read
        found = next(name for name in now if name.startswith("warehouse__find_pallet"))
        assert len(found) <= 64
        with serve_model(search, Says(calls=((found, {"id": "p1"}),)), Says("It is there.")) as model:
            outcome = await agent(up, model, mode="direct").run("Where is product 7?")
    assert [call["ok"] for call in outcome.calls] == [True]
    assert '{\\"shelf\\":\\"p1\\"}' in model.last_read


async def test_mistakes_of_a_call_are_told(up: Underpass) -> None:
    nothing: dict[str, Any] = {}
    calls: tuple[tuple[str, Mapping[str, Any] | str], ...] = (
        ("shop__get_note", {"order": "seven"}),
        ("shop__get_note", "{broken"),
        ("shop__burn_down", nothing),
    )
    with serve_model(Says(calls=calls), Says("I could not.")) as model:
        outcome = await agent(up, model, mode="direct").run("Show the note")
    told = [str(message["content"]) for message in model.asked[1]["messages"][-3:]]
    assert "ToolArgumentsInvalid" in told[0]
    assert told[1] == "the arguments are no JSON object: write them again"
    assert told[2] == "there is no tool 'shop__burn_down'"
    assert [call["ok"] for call in outcome.calls] == [False]


async def test_what_is_cut_off_or_empty_is_no_answer(up: Underpass) -> None:
    cut = Says(calls=(("shop__get_note", '{"ord'),), cut=True)
    with serve_model(Says("It is", cut=True), cut, Says(""), Says("Done.")) as model:
        outcome = await agent(up, model, mode="direct").run("Show the note")
    read = [str(request["messages"][-1]["content"]) for request in model.asked]
    assert "was cut off" in read[1]
    assert "they were cut off" in read[2]
    assert "You wrote nothing" in read[3]
    assert outcome.answer == "Done."


async def test_a_model_that_only_calls_comes_to_an_end(up: Underpass) -> None:
    with serve_model(*[Says(calls=(("shop__list_orders", {}),))] * 5) as model:
        outcome = await agent(up, model, mode="direct", max_turns=3).run("Go on")
    assert (outcome.ok, outcome.turns, len(outcome.calls)) == (False, 3, 3)
    assert outcome.answer == "the model gave no answer in 3 turns"


@pytest.mark.parametrize("text", [True, False])
async def test_a_large_result_is_cut_with_its_shape(own_shop: Shop, tmp_path: Path, *, text: bool) -> None:
    shop = own_shop.server
    value = "word " * 20_000 if text else [{"id": number} for number in range(20_000)]

    async def answer(_arguments: Mapping[str, Any]) -> ToolOutcome:
        return ToolOutcome(structured=value, has_structured=True)

    shop.add(ToolDefinition("shop", "dump", "Return all", input_schema={"type": "object"}), answer)
    async with Underpass.open({"shop": shop}, home=tmp_path) as up:
        with serve_model(Says(calls=(("shop__dump", {}),)), Says("Much.")) as model:
            await agent(up, model, mode="direct").run("Dump")
    assert len(model.last_read) < 12_000
    assert ("word word" if text else "truncated") in model.last_read


async def test_tokens_are_counted_here_where_the_provider_does_not(up: Underpass) -> None:
    calls = (("shop__get_note", {"order": 1}),)
    with serve_model(Says(calls=calls, counts=False), Says("It is late.", counts=False)) as model:
        outcome = await agent(up, model, mode="direct").run("Show the note of order 1")
    assert outcome.tokens.counted_by == "o200k_base"
    assert 200 < outcome.tokens.input < 2_000
    assert 5 < outcome.tokens.output < 60


async def test_the_cost_is_told_where_the_price_is_known(up: Underpass) -> None:
    with serve_model(Says("Hello.", name="gpt-4o")) as model:
        outcome = await agent(up, model, mode="direct", name="openai:gpt-4o").run("Say hello")
    assert outcome.cost is not None
    assert outcome.to_dict()["cost"] == outcome.cost > 0
