"""Underpass is a plain tool that any agent can be given."""

from __future__ import annotations

from typing import Any

import anyio
import anyio.to_thread
import pytest
from tests.adapters.conftest import BIG, FAILING, Programs, Shop, check_answers

from underpass import ConfigError, SandboxUnavailable, Underpass
from underpass.adapters import RunOptions, UnderpassTool
from underpass.adapters.requirement import required
from underpass.broker.approvals import Answer, Question
from underpass.metrics import tokens

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R30")]


def by_name(tools: list[UnderpassTool]) -> dict[str, UnderpassTool]:
    return {tool.name: tool for tool in tools}


async def test_a_model_reads_bounded_results_and_errors_of_a_tool(
    up_with_git: Underpass, programs: Programs
) -> None:
    tool = up_with_git.as_tool()
    check_answers([await tool(code=code) for code in programs.all])


async def test_a_tool_has_what_a_model_is_told_of_it(up: Underpass) -> None:
    tool = up.as_tool()
    assert tool.name == "run_code"
    assert tool.parameters == {
        "type": "object",
        "properties": {"code": {"type": "string"}},
        "required": ["code"],
    }
    assert "from mcp_servers import SERVER" in tool.description
    assert "tools of shop" in tool.description


async def test_a_tool_alone_says_how_programs_find_tools(up: Underpass) -> None:
    tool = up.as_tool()
    assert "search_tools first" not in tool.description
    assert "from mcp_runtime import search_tools" in tool.description
    found = await tool(
        code="from mcp_runtime import search_tools\n[hit['signature'] for hit in await search_tools('price')]"
    )
    assert "price(*, item: str)" in found


async def test_few_tools_that_are_known_are_named_and_need_no_search(up: Underpass) -> None:
    await up.catalog.listings()
    tools = by_name(up.as_tools())
    assert sorted(tools) == ["get_tool_documentation", "run_code"]
    assert "shop.price(*, item: str) -> float" in tools["run_code"].description
    assert up.as_tool().description == tools["run_code"].description


async def test_definitions_and_a_first_search_take_few_tokens(up_with_git: Underpass) -> None:
    tools = up_with_git.as_tools()
    shown = [f"{tool.name}{tool.description}{tool.parameters}" for tool in tools]
    search = await by_name(tools)["search_tools"](query="price of an item")
    assert sum(map(tokens.count, [*shown, search])) <= 600


async def test_tools_are_found_and_explained(up: Underpass) -> None:
    tools = by_name(up.as_tools())
    assert "shop.price(" in await tools["search_tools"](query="price of an item")
    groups = await tools["search_tools"](queries=["price of an item", "refund an order"])
    assert "## refund an order" in groups
    assert "shop.refund(" in groups
    page = await tools["get_tool_documentation"](names=["shop.price"])
    assert "Return the price of an item" in page


async def test_long_documentation_of_many_tools_is_left_out(up: Underpass) -> None:
    long = "x " * 5_000

    async def document(*_arguments: Any) -> str:
        return long

    up.directory.document = document  # pyright: ignore[reportAttributeAccessIssue]
    documentation = by_name(up.as_tools())["get_tool_documentation"]
    assert (await documentation(names=["a.a", "b.b"])).endswith(
        "# b.b\nLeft out for length: ask for it alone."
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "required"),
        ({"code": 1}, "code: "),
        ({"code": "1", "agent": "another"}, "unknown parameter 'agent'"),
        ({"code": "1", "session": "another"}, "unknown parameter 'session'"),
    ],
)
async def test_a_model_cannot_choose_what_the_host_decides(
    up: Underpass, arguments: dict[str, Any], said: str
) -> None:
    answer = await up.as_tool().answer(arguments)
    assert not answer.ok
    assert said in answer.text


async def test_typescript_is_there_where_it_is_asked_for(up: Underpass) -> None:
    code = 'import { shop } from "mcp-servers";\nawait shop.price({ item: "pear" }) * 4'
    assert await up.as_tool(typescript=True)(code=code, language="typescript") == "3"
    assert "unknown parameter 'language'" in await up.as_tool()(code=code, language="typescript")


async def test_text_is_shown_as_it_is_and_prints_are_shown_with_the_value(up: Underpass) -> None:
    tool = up.as_tool()
    assert await tool(code="'two\\nlines'") == "two\nlines"
    assert await tool(code="print('seen')\n1 + 1") == '{"value":2,"stdout":"seen\\n"}'


async def test_what_a_failed_program_has_done_is_told(up: Underpass, shop: Shop) -> None:
    code = "from mcp_servers import shop\nfor _ in range(25):\n    await shop.price(item='pear')\n1 / 0"
    answer = await up.as_tool().answer({"code": code})
    assert "ZeroDivisionError" in answer.text
    assert '"called before it failed":["shop.price"' in answer.text
    assert "and 5 more" in answer.text
    assert answer.result is not None
    assert len(answer.result.tool_calls) == 25


async def test_options_hold_for_every_program(up: Underpass) -> None:
    tool = up.as_tool(session="s", agent="a1", max_tokens=200)
    assert await tool(code="kept = 20") == "null"
    assert await tool(code="kept + 22") == "42"
    assert [(info.name, info.agent) for info in up.sessions()] == [("s", "a1")]
    assert tokens.count(await tool(code=BIG)) <= 200


@pytest.mark.requirement("R43")
@pytest.mark.parametrize(("answer", "refunded"), [("once", ["o1"]), ("refuse", [])])
async def test_a_person_is_asked_about_destructive_calls(
    up: Underpass, shop: Shop, answer: Answer, refunded: list[str]
) -> None:
    asked: list[str] = []

    async def ask(question: Question) -> Answer:
        asked.append(question.tool)
        return answer

    options: RunOptions = {"ask": ask}
    text = await up.as_tool(**options)(code="from mcp_servers import shop\nawait shop.refund(order='o1')")
    assert asked == ["refund"]
    assert shop.refunded == refunded
    assert ("refunded o1" in text) == bool(refunded)


async def test_progress_of_a_program_is_reported(up: Underpass) -> None:
    seen: list[tuple[float, float | None, str | None]] = []

    async def note(value: float, total: float | None, message: str | None) -> None:
        seen.append((value, total, message))

    code = (
        "from mcp_servers import shop\nfrom mcp_runtime import progress\nprogress(1, 4)\nawait shop.count()"
    )
    await up.as_tool(on_progress=note)(code=code)
    assert (1, 4, None) in seen
    assert (2, 2, "step 2") in seen


async def test_cancelling_a_call_ends_what_it_does(up: Underpass, shop: Shop) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: up.as_tool()(code="from mcp_servers import shop\nawait shop.wait()"))
        await shop.waiting.wait()
        tasks.cancel_scope.cancel()
    await shop.given_up.wait()


async def test_code_that_waits_calls_a_tool_from_its_thread(up: Underpass) -> None:
    tool = up.as_tool()
    assert await anyio.to_thread.run_sync(lambda: tool.call(code="6 * 7")) == "42"


async def test_a_call_that_would_wait_for_itself_is_refused(up: Underpass) -> None:
    with pytest.raises(ConfigError, match="wait for itself"):
        up.as_tool().call(code="6 * 7")


async def test_a_tool_made_outside_of_the_loop_cannot_be_waited_for(up: Underpass) -> None:
    tool = await anyio.to_thread.run_sync(up.as_tool)
    with pytest.raises(ConfigError, match="nothing runs in an event loop"):
        tool.call(code="6 * 7")
    assert await tool(code="6 * 7") == "42"


async def test_what_no_model_can_mend_is_raised(up: Underpass, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_arguments: Any, **_options: Any) -> Any:
        raise SandboxUnavailable("no namespaces", hint="see `underpass doctor`")

    monkeypatch.setattr(up, "run", refuse)
    with pytest.raises(SandboxUnavailable):
        await up.as_tool()(code="1")


async def test_what_a_model_can_mend_is_told(up: Underpass) -> None:
    text = await up.as_tool(session="no name")(code=FAILING)
    assert text.startswith("ValidationFailed: a session cannot be called")


def test_a_missing_framework_is_named_with_what_installs_it() -> None:
    with pytest.raises(ConfigError) as caught, required("Something", "something"):
        raise ModuleNotFoundError("No module named 'something'")
    assert "Something cannot be imported" in caught.value.message
    assert "pip install 'underpass[something]'" in caught.value.hint
