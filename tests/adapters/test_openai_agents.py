"""An agent of the OpenAI Agents SDK uses Underpass as its tools."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from tests.adapters.conftest import Programs, Shop, check_answers

from underpass import Underpass
from underpass.broker.approvals import Answer, Question

pytest.importorskip("agents")

from agents import Agent, Model, ModelResponse, RunConfig, Runner, Usage
from agents.items import TResponseOutputItem
from agents.tool_context import ToolContext
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

from underpass.adapters.openai_agents import underpass_tools

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R30")]

QUIET = RunConfig(tracing_disabled=True)
REFUND = "from mcp_servers import shop\nawait shop.refund(order='o1')"


class Writes(Model):
    """A model that writes one program after the other, and then says that it is done."""

    def __init__(self, *programs: str) -> None:
        self._left = list(programs)
        self._written = 0
        self.tools: list[str] = []
        self.read: list[str] = []
        """What it has read of its programs."""

    async def get_response(
        self,
        system_instructions: Any,
        input: Any,  # noqa: A002 - the framework's name
        model_settings: Any,
        tools: Any,
        *_others: Any,
        **_more: Any,
    ) -> ModelResponse:
        self.tools = [tool.name for tool in tools]
        items: list[dict[str, Any]] = [] if isinstance(input, str) else input
        self.read = [item["output"] for item in items if item.get("type") == "function_call_output"]
        return ModelResponse(output=[self._next()], usage=Usage(), response_id=None)

    def stream_response(self, *_arguments: Any, **_options: Any) -> AsyncIterator[Any]:
        raise NotImplementedError

    def _next(self) -> TResponseOutputItem:
        self._written += 1
        if not self._left:
            text = ResponseOutputText(text="done", type="output_text", annotations=[])
            return ResponseOutputMessage(
                id="m", type="message", role="assistant", status="completed", content=[text]
            )
        return ResponseFunctionToolCall(
            type="function_call",
            name="run_code",
            call_id=f"call-{self._written}",
            arguments=json.dumps({"code": self._left.pop(0)}),
        )


async def test_an_agent_reads_bounded_results_and_errors(up_with_git: Underpass, programs: Programs) -> None:
    model = Writes(*programs.all)
    agent = Agent[None](name="a", model=model, tools=[*underpass_tools(up_with_git)])
    outcome = await Runner.run(agent, "Try everything", run_config=QUIET)
    assert outcome.final_output == "done"
    assert model.tools == ["run_code", "search_tools", "get_tool_documentation"]
    check_answers(model.read)


@pytest.mark.requirement("R43")
@pytest.mark.parametrize("approved", [True, False])
async def test_a_person_approves_a_program_before_it_runs(
    up: Underpass, shop: Shop, *, approved: bool
) -> None:
    async def ask(_question: Question) -> Answer:
        return "once"

    tools = underpass_tools(up, needs_approval=True, ask=ask)
    agent = Agent[None](name="a", model=Writes(REFUND), tools=[*tools])
    first = await Runner.run(agent, "Refund o1", run_config=QUIET)
    (question,) = first.interruptions
    assert shop.refunded == []
    state = first.to_state()
    if approved:
        state.approve(question)
    else:
        state.reject(question)
    second = await Runner.run(agent, state, run_config=QUIET)
    assert second.final_output == "done"
    assert shop.refunded == (["o1"] if approved else [])


@pytest.mark.parametrize(("text", "said"), [("{", "no JSON"), ("[1]", "no JSON object"), ("", "required")])
async def test_arguments_that_are_none_are_told_to_the_model(up: Underpass, text: str, said: str) -> None:
    run_code = underpass_tools(up)[0]
    context = ToolContext[None](None, tool_name="run_code", tool_call_id="1", tool_arguments=text)
    assert said in await run_code.on_invoke_tool(context, text)


async def test_cancelling_an_agent_ends_its_program(up: Underpass, shop: Shop) -> None:
    model = Writes("from mcp_servers import shop\nawait shop.wait()")
    agent = Agent[None](name="a", model=model, tools=[*underpass_tools(up)])
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: Runner.run(agent, "Wait", run_config=QUIET))
        await shop.waiting.wait()
        tasks.cancel_scope.cancel()
    await shop.given_up.wait()
