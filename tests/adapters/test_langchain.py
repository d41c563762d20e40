"""A graph of LangGraph, and a model of LangChain, use Underpass as their tools."""

from __future__ import annotations

from typing import Any

import anyio
import anyio.to_thread
import pytest
from tests.adapters.conftest import Programs, Shop, check_answers

from underpass import Underpass
from underpass.broker.approvals import Answer, Question
from underpass.execution.result import RunResult

pytest.importorskip("langchain_core")
pytest.importorskip("langgraph")

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import (  # pyright: ignore[reportMissingTypeStubs] - of a part of it
    END,
    START,
    MessagesState,
    StateGraph,
)
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import Command

from underpass.adapters.langchain import PROGRESS, underpass_tools

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R30")]

REFUND = "from mcp_servers import shop\nawait shop.refund(order='o1')"


def call(code: str, number: int = 0) -> dict[str, Any]:
    return {"name": "run_code", "args": {"code": code}, "id": f"call-{number}", "type": "tool_call"}


def graph(up: Underpass, *programs: str, **options: Any) -> Any:
    """An agent whose model writes one program after the other, and then says that it is done."""
    messages = [AIMessage("", tool_calls=[call(code, number)]) for number, code in enumerate(programs)]
    model = GenericFakeChatModel(messages=iter([*messages, AIMessage("done")]))

    async def think(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    builder: Any = StateGraph(MessagesState)
    builder.add_node("think", think)
    builder.add_node("tools", ToolNode(underpass_tools(up, **options)))
    builder.add_edge(START, "think")
    builder.add_conditional_edges("think", tools_condition, {"tools": "tools", END: END})
    builder.add_edge("tools", "think")
    return builder.compile(checkpointer=InMemorySaver())


THREAD: dict[str, Any] = {"configurable": {"thread_id": "1"}}


def read(state: Any) -> list[ToolMessage]:
    return [message for message in state["messages"] if isinstance(message, ToolMessage)]


async def test_an_agent_reads_bounded_results_and_errors(up_with_git: Underpass, programs: Programs) -> None:
    state = await graph(up_with_git, *programs.all).ainvoke(
        {"messages": [("user", "Try everything")]}, THREAD
    )
    assert state["messages"][-1].content == "done"
    check_answers([str(message.content) for message in read(state)])
    assert [message.status for message in read(state)] == ["success", "error", "success", "success"]


async def test_what_a_program_came_to_is_the_artifact_of_its_message(up: Underpass) -> None:
    message = await underpass_tools(up)[0].ainvoke(call("6 * 7"))
    assert isinstance(message.artifact, RunResult)
    assert message.artifact.value == 42


async def test_a_tool_can_be_called_from_a_thread_that_waits(up: Underpass) -> None:
    tool = underpass_tools(up)[0]
    assert await anyio.to_thread.run_sync(tool.invoke, {"code": "6 * 7"}) == "42"


async def test_progress_is_a_custom_event(up: Underpass) -> None:
    tool = underpass_tools(up)[0]
    code = "from mcp_servers import shop\nawait shop.count()"
    events = [event async for event in tool.astream_events(call(code), version="v2")]
    seen = [event["data"] for event in events if event["name"] == PROGRESS]
    assert {"progress": 2, "total": 2, "message": "step 2"} in seen


@pytest.mark.requirement("R43")
@pytest.mark.parametrize("approved", [True, False])
async def test_a_person_approves_a_program_before_it_runs(
    up: Underpass, shop: Shop, *, approved: bool
) -> None:
    async def ask(_question: Question) -> Answer:
        return "once"

    agent = graph(up, REFUND, needs_approval=True, ask=ask)
    paused = await agent.ainvoke({"messages": [("user", "Refund o1")]}, THREAD)
    assert paused["__interrupt__"][0].value == {"tool": "run_code", "arguments": {"code": REFUND}}
    assert shop.refunded == []
    state = await agent.ainvoke(Command(resume=approved), THREAD)
    assert state["messages"][-1].content == "done"
    assert shop.refunded == (["o1"] if approved else [])
    if not approved:
        assert "does not allow" in str(read(state)[0].content)


async def test_cancelling_an_agent_ends_its_program(up: Underpass, shop: Shop) -> None:
    agent = graph(up, "from mcp_servers import shop\nawait shop.wait()")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(agent.ainvoke, {"messages": [("user", "Wait")]}, THREAD)
        await shop.waiting.wait()
        tasks.cancel_scope.cancel()
    await shop.given_up.wait()
