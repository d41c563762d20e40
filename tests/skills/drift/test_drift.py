"""A skill whose tools have changed is tested again before it is imported."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from underpass import Underpass
from underpass.catalog.definition import ToolDefinition
from underpass.catalog.upstream import InMemoryUpstream, ToolOutcome
from underpass.execution.result import RunResult

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R48")]

CODE = '''
from mcp_servers import shop

async def total(names: list[str]) -> int:
    """Add up the prices of goods."""
    return sum([(await shop.price(name=name))["amount"] for name in names])
'''
PROGRAM = "from skills import total\nawait total.total(names=['tea', 'milk'])"
INPUT: dict[str, Any] = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
OUTPUT: dict[str, Any] = {
    "type": "object",
    "properties": {"amount": {"type": "integer"}, "unit": {"type": "string"}},
    "required": ["amount"],
}


def shop(
    name: str = "price", *, text: str = "The price.", takes: Mapping[str, Any] = INPUT, gives: Any = OUTPUT
) -> InMemoryUpstream:
    """A server with one tool."""
    upstream = InMemoryUpstream("shop")

    async def price(_arguments: Mapping[str, Any]) -> ToolOutcome:
        return ToolOutcome(structured={"amount": 3, "unit": "EUR"}, has_structured=True)

    upstream.add(ToolDefinition("shop", name, text, input_schema=takes, output_schema=gives), price)
    return upstream


async def saved(home: Path, *, cases: bool = True) -> str:
    """Save the skill with the shop as it is first; returns its digest."""
    async with Underpass.open({"shop": shop()}, home=home) as up:
        given = [{"arguments": {"names": ["tea"]}, "result": 3}] if cases else []
        skill = await up.skills.save("total", "Adds up prices.", CODE, cases=given, scope="project")
    return skill.digest


async def ran(home: Path, upstream: InMemoryUpstream | None, times: int = 1) -> list[RunResult]:
    """Run the program that imports it, with the servers as they are then."""
    servers = {} if upstream is None else {"shop": upstream}
    async with Underpass.open(servers, home=home) as up:
        return [await up.run(PROGRAM, agent="other", check=False) for _ in range(times)]


async def test_a_skill_whose_tools_are_the_same_is_imported(tmp_path: Path) -> None:
    await saved(tmp_path, cases=False)
    assert [result.value for result in await ran(tmp_path, shop(), 2)] == [6, 6]


async def test_a_changed_tool_has_the_cases_run_again_and_the_files_stay(tmp_path: Path) -> None:
    digest = await saved(tmp_path)
    takes = {"type": "object", "properties": {**INPUT["properties"], "unit": {"type": "string"}}}
    wider = shop(text="The price of one of the goods.", takes=takes)
    assert [result.value for result in await ran(tmp_path, wider, 2)] == [6, 6]
    async with Underpass.open({"shop": wider}, home=tmp_path) as up:
        shown = await up.skills.show("total")
        assert (shown.skill.digest, shown.drifts) == (digest, ()), "it was tested with the tool as it is"
    async with Underpass.open({"shop": shop()}, home=tmp_path) as up:
        [drift] = (await up.skills.show("total")).drifts
        assert (drift.kind, set(drift.parts)) == ("changed", {"description", "inputSchema"})


async def test_a_case_that_fails_refuses_the_import_and_names_what_changed(tmp_path: Path) -> None:
    await saved(tmp_path)
    takes = {"type": "object", "properties": {"article": {"type": "string"}}, "required": ["article"]}
    first, second = await ran(tmp_path, shop(takes=takes), 2)
    for result in (first, second):
        assert result.error is not None
        assert (
            "skill 'total' is stale: shop.price changed (inputSchema); case 1 fails" in result.error.message
        )


async def test_a_field_of_the_result_that_is_gone_is_noticed(tmp_path: Path) -> None:
    await saved(tmp_path)
    gives = {"type": "object", "properties": {"unit": {"type": "string"}}}
    [result] = await ran(tmp_path, shop(gives=gives))
    assert result.error is not None
    assert "shop.price changed (outputSchema); case 1 fails: KeyError" in result.error.message


async def test_a_field_of_the_result_of_another_type_is_noticed(tmp_path: Path) -> None:
    await saved(tmp_path)
    gives = {**OUTPUT, "properties": {"amount": {"type": "string"}, "unit": {"type": "string"}}}
    [result] = await ran(tmp_path, shop(gives=gives))
    assert result.error is not None
    assert "shop.price declares another type of amount now" in result.error.message


async def test_a_field_that_the_skill_does_not_need_may_go(tmp_path: Path) -> None:
    await saved(tmp_path)
    gives = {"type": "object", "properties": {"amount": {"type": "integer"}}, "required": ["amount"]}
    assert [result.value for result in await ran(tmp_path, shop(gives=gives))] == [6]


async def test_a_tool_that_is_gone_is_named(tmp_path: Path) -> None:
    await saved(tmp_path)
    [result] = await ran(tmp_path, shop("cost"))
    assert result.error is not None
    assert "shop.price is gone" in result.error.message


async def test_a_server_that_is_not_connected_is_named(tmp_path: Path) -> None:
    await saved(tmp_path)
    [result] = await ran(tmp_path, None)
    assert result.error is not None
    assert "the server shop is not connected" in result.error.message


async def test_a_skill_without_cases_is_not_imported_with_another_tool(tmp_path: Path) -> None:
    await saved(tmp_path, cases=False)
    [result] = await ran(tmp_path, shop(text="Another price."))
    assert result.error is not None
    assert "it has no recorded case" in result.error.message


async def test_verify_says_what_became_of_each_case(tmp_path: Path) -> None:
    await saved(tmp_path)
    async with Underpass.open({"shop": shop("cost")}, home=tmp_path) as up:
        [verified] = await up.skills.verify()
        assert not verified.ok
        assert [drift.in_words() for drift in verified.drifts] == ["shop.price is gone"]
        assert not verified.results[0].passed
    async with Underpass.open({"shop": shop()}, home=tmp_path) as up:
        [verified] = await up.skills.verify("total")
        assert verified.ok


async def test_news_of_a_server_name_the_skills_that_call_changed_tools(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await saved(tmp_path)
    upstream, other = shop(), shop(text="Another price.")
    async with Underpass.open({"shop": upstream}, home=tmp_path) as up:
        await up.catalog.listings()
        upstream.add((await other.list_tools()).tools[0], _three)
        await up.catalog.listings(refresh=True)
        upstream.add(ToolDefinition("shop", "stock", "How many."), _three)
        await up.catalog.listings(refresh=True)
    said = [record.message for record in caplog.records if record.name == "underpass.skills"]
    assert len(said) == 1, "a new tool breaks nothing"
    assert said[0].endswith("before they are imported: total")


async def _three(_arguments: Mapping[str, Any]) -> ToolOutcome:
    return ToolOutcome(structured={"amount": 3}, has_structured=True)
