"""An agent of Pydantic AI uses Underpass as a toolset."""

from __future__ import annotations

import anyio
import pytest
from tests.adapters.conftest import Programs, Shop, check_answers

from underpass import Underpass
from underpass.broker.approvals import Answer, Question
from underpass.execution.result import RunResult

pytest.importorskip("pydantic_ai")

from pydantic_ai import Agent, DeferredToolRequests, DeferredToolResults, ToolDenied
from pydantic_ai.exceptions import UnexpectedModelBehavior
from pydantic_ai.messages import (
    ModelMessage,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.models.test import TestModel

from underpass.adapters.pydantic_ai import UnderpassToolset

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R30")]

REFUND = "from mcp_servers import shop\nawait shop.refund(order='o1')"


def writes(*programs: str) -> FunctionModel:
    """A model that writes one program after the other, and then says that it is done."""
    left = list(programs)

    def respond(_messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
        if not left:
            return ModelResponse(parts=[TextPart("done")])
        return ModelResponse(parts=[ToolCallPart("run_code", {"code": left.pop(0)})])

    return FunctionModel(respond)


def returned(messages: list[ModelMessage]) -> list[ToolReturnPart]:
    """What the model has been told of its calls."""
    parts = [part for message in messages for part in message.parts]
    return [part for part in parts if isinstance(part, ToolReturnPart)]


async def test_an_agent_reads_bounded_results_and_mends_what_fails(
    up_with_git: Underpass, programs: Programs
) -> None:
    agent = Agent(writes(*programs.all), toolsets=[UnderpassToolset(up_with_git)])
    outcome = await agent.run("Try everything")
    assert outcome.output == "done"
    check_answers([str(part.content) for part in returned(outcome.all_messages())])
    outcomes = [part.outcome for part in returned(outcome.all_messages())]
    assert outcomes == ["success", "failed", "success", "success"]


async def test_what_a_program_came_to_is_the_metadata_of_its_part(up: Underpass) -> None:
    outcome = await Agent(writes("6 * 7"), toolsets=[UnderpassToolset(up)]).run("Multiply")
    (part,) = returned(outcome.all_messages())
    assert isinstance(part.metadata, RunResult)
    assert part.metadata.value == 42


async def test_failing_programs_use_up_no_retries(up: Underpass) -> None:
    agent = Agent(writes(*["1 / 0"] * 5, "1"), toolsets=[UnderpassToolset(up, max_retries=1)])
    assert (await agent.run("Divide")).output == "done"


async def test_calls_of_which_nothing_runs_are_to_be_made_again_so_often(up: Underpass) -> None:
    def respond(_messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
        return ModelResponse(parts=[ToolCallPart("run_code", {"program": "1"})])

    agent = Agent(FunctionModel(respond), toolsets=[UnderpassToolset(up, max_retries=1)])
    with pytest.raises(UnexpectedModelBehavior, match="max retries"):
        await agent.run("Divide")


async def test_a_model_is_told_of_all_tools(up: Underpass) -> None:
    model = TestModel(call_tools=[])
    agent = Agent(model, toolsets=[UnderpassToolset(up)])
    await agent.run("Look around")
    assert model.last_model_request_parameters is not None
    told = {tool.name: tool for tool in model.last_model_request_parameters.function_tools}
    assert sorted(told) == ["get_tool_documentation", "run_code", "search_tools"]
    assert "mcp_servers" in (told["run_code"].description or "")


@pytest.mark.requirement("R43")
@pytest.mark.parametrize("approved", [True, False])
async def test_a_person_approves_a_program_before_it_runs(
    up: Underpass, shop: Shop, *, approved: bool
) -> None:
    toolset = UnderpassToolset(up, requires_approval=True, ask=always)
    agent = Agent(writes(REFUND), toolsets=[toolset], output_type=[str, DeferredToolRequests])
    first = await agent.run("Refund o1")
    assert isinstance(first.output, DeferredToolRequests)
    (call,) = first.output.approvals
    assert call.args == {"code": REFUND}
    assert shop.refunded == []
    decision = DeferredToolResults(approvals={call.tool_call_id: True if approved else ToolDenied("no")})
    second = await agent.run(message_history=first.all_messages(), deferred_tool_results=decision)
    assert second.output == "done"
    assert shop.refunded == (["o1"] if approved else [])


async def test_cancelling_an_agent_ends_its_program(up: Underpass, shop: Shop) -> None:
    agent = Agent(writes("from mcp_servers import shop\nawait shop.wait()"), toolsets=[UnderpassToolset(up)])
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(agent.run, "Wait")
        await shop.waiting.wait()
        tasks.cancel_scope.cancel()
    await shop.given_up.wait()


async def always(_question: Question) -> Answer:
    return "once"
