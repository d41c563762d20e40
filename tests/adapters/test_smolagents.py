"""The code of a smolagents agent runs in the sandbox."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest
from tests.adapters.conftest import BIG, FAILING, SECRET, Programs, Shop

from underpass import ConfigError, Underpass, ValidationFailed
from underpass.errors import CodeError

pytest.importorskip("smolagents")

from smolagents import CodeAgent, LogLevel, Tool  # pyright: ignore[reportMissingTypeStubs] - it has none
from smolagents.local_python_executor import CodeOutput  # pyright: ignore[reportMissingTypeStubs]
from smolagents.memory import ActionStep  # pyright: ignore[reportMissingTypeStubs]
from smolagents.models import (  # pyright: ignore[reportMissingTypeStubs]
    ChatMessage,
    MessageRole,
    Model,
)

from underpass.adapters.smolagents import AUTHORIZED_IMPORTS, INSTRUCTIONS, UnderpassExecutor

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("R30")]


class Writes(Model):
    """A model that writes one program after the other."""

    def __init__(self, *programs: str) -> None:
        super().__init__(model_id="scripted")  # pyright: ignore[reportUnknownMemberType]
        self._left = list(programs)
        self.told = ""

    def generate(self, messages: list[Any], *_others: Any, **_more: Any) -> ChatMessage:
        self.told = str(messages[0].content)
        text = f"Thought: go on\n<code>\n{self._left.pop(0)}\n</code>"
        return ChatMessage(role=MessageRole.ASSISTANT, content=text)


class Double(Tool):
    """A tool of the agent's own."""

    name = "double"
    description = "Doubles a number, or each of a list."
    inputs = {"numbers": {"type": "any", "description": "what to double"}}  # noqa: RUF012 - the framework's way
    output_type = "any"

    def forward(self, numbers: float | list[float] | str) -> Any:
        if isinstance(numbers, str):
            raise TypeError("there is nothing to double")
        return list(map(twice, numbers)) if isinstance(numbers, list) else twice(numbers)


def twice(number: float) -> float:
    return 2 * number


def same(answer: Any) -> Any:
    return answer


def agent_of(executor: UnderpassExecutor, model: Model) -> CodeAgent:
    return CodeAgent(
        tools=[Double()],
        model=model,
        executor=executor,
        instructions=INSTRUCTIONS,
        additional_authorized_imports=list(AUTHORIZED_IMPORTS),
        verbosity_level=LogLevel.OFF,
        max_steps=8,
    )


def task(agent: Any, text: str) -> Any:
    return agent.run(text)


def steps(agent: CodeAgent) -> list[ActionStep]:
    return [step for step in agent.memory.steps if isinstance(step, ActionStep)]


async def test_steps_share_variables_and_use_servers_and_the_agents_own_tools(
    up_with_git: Underpass, programs: Programs
) -> None:
    several = programs.several.replace('{"commits"', 'counted = {"commits"') + "\nprint(counted)"
    model = Writes(
        several,
        FAILING,
        BIG,
        programs.escaping,
        "values = double(numbers=[1, 2])\nvalues",
        "final_answer({'twice': values, 'again': double(counted['total']), **counted})",
    )
    agent = agent_of(UnderpassExecutor(up_with_git), model)
    answer = await anyio.to_thread.run_sync(task, agent, "Try everything")
    assert answer == {"twice": [2, 4], "again": 2.5, "commits": 3, "total": 1.25}
    assert "from mcp_servers import SERVER" in model.told
    read = [step.observations or str(step.error) for step in steps(agent)]
    assert "{'commits': 3, 'total': 1.25}" in read[0]
    assert "there is no plum" in read[1]
    assert "program-4.py" in read[1] or "line 2" in read[1]
    assert "'truncated': True" in read[2]
    assert len(read[2]) < 5_000
    assert "FileNotFoundError" in read[3]
    assert SECRET not in read[3]
    assert "[2, 4]" in read[4]


async def test_an_agent_without_an_event_loop_opens_underpass_itself(shop: Shop, tmp_path: Path) -> None:
    def work() -> Any:
        with UnderpassExecutor.open({"shop": shop.server}, home=tmp_path) as executor:
            return task(agent_of(executor, Writes("final_answer(double(21))")), "Double it")

    assert await anyio.to_thread.run_sync(work) == 42


class Steps:
    """Makes steps in a thread, as an agent does."""

    def __init__(self, executor: UnderpassExecutor) -> None:
        self.executor = executor

    async def __call__(self, code: str) -> CodeOutput:
        return await anyio.to_thread.run_sync(self.executor, code)


async def test_output_and_the_last_value_are_given(up: Underpass) -> None:
    step = Steps(UnderpassExecutor(up))
    done = await step("print('seen')\n6 * 7")
    assert (done.output, done.logs, done.is_final_answer) == (42, "seen\n", False)


async def test_a_failing_step_says_why_and_what_it_printed(up: Underpass) -> None:
    executor = UnderpassExecutor(up)
    with pytest.raises(CodeError) as caught:
        await Steps(executor)("print('seen')\nundefined")
    assert "NameError" in str(caught.value)
    assert "line 2" in str(caught.value)
    assert executor.state["_print_outputs"] == "seen\n"


async def test_a_final_answer_ends_the_step_and_is_given_whole(up: Underpass) -> None:
    executor = UnderpassExecutor(up)
    executor.send_tools({"final_answer": same})
    done = await Steps(executor)("final_answer([1] * 50_000)\nprint('never')")
    assert (len(done.output), done.logs, done.is_final_answer) == (50_000, "", True)


async def test_tools_may_be_called_where_a_program_awaits(up: Underpass) -> None:
    executor = UnderpassExecutor(up)
    executor.send_tools({"double": twice})
    code = """
import asyncio
from mcp_servers import shop
async def one():
    price = await shop.price(item='pear')
    return double(price)
sum(await asyncio.gather(one(), one())) + double(number=1)
"""
    assert (await Steps(executor)(code)).output == 5.0


async def test_a_tool_that_fails_is_an_error_that_a_program_can_catch(up: Underpass) -> None:
    executor = UnderpassExecutor(up)
    executor.send_tools({"double": Double()})
    code = "from mcp_runtime import ToolError\n"
    code += "try:\n    double('a')\nexcept ToolError as error:\n    print(error)"
    assert "nothing to double" in (await Steps(executor)(code)).logs
    with pytest.raises(CodeError, match="nothing to double"):
        await Steps(executor)("double('a')")


async def test_variables_are_sent_as_json(up: Underpass) -> None:
    executor = UnderpassExecutor(up)
    executor.send_variables({"who": "Ada", "values": {"n": [1, None, True]}})
    executor.send_variables({})
    assert (await Steps(executor)("[who, values]")).output == ["Ada", {"n": [1, None, True]}]


@pytest.mark.parametrize(
    ("variables", "said"),
    [({"picture": object()}, "picture cannot go into the sandbox"), ({"no name": 1}, "cannot be called")],
)
async def test_variables_that_cannot_be_sent_are_refused(
    up: Underpass, variables: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationFailed, match=said):
        UnderpassExecutor(up).send_variables(variables)


async def test_a_session_that_was_lost_has_its_tools_and_variables_again(up: Underpass) -> None:
    executor = UnderpassExecutor(up, session="mine")
    executor.send_tools({"double": twice})
    executor.send_variables({"n": 21})
    step = Steps(executor)
    await step("kept = 1")
    with pytest.raises(CodeError, match="session 'mine' was lost"):
        await step("import os\nos._exit(1)")
    assert (await step("double(n)")).output == 42
    with pytest.raises(CodeError, match="kept"):
        await step("kept")


async def test_agents_have_their_own_tools(up: Underpass) -> None:
    first, second = UnderpassExecutor(up), UnderpassExecutor(up)
    first.send_tools({"which": lambda: "first"})
    second.send_tools({"which": lambda: "second", "only": lambda: 1})
    assert (await Steps(first)("which()")).output == "first"
    assert (await Steps(second)("which()")).output == "second"
    call = "from mcp_runtime import call_tool\n"
    with pytest.raises(CodeError, match="only"):
        await Steps(first)(call + "await call_tool('host-functions', 'only', {'args': [], 'kwargs': {}})")
    outside = await up.run(call + "await call_tool('host-functions', 'which', {'args': [], 'kwargs': {}})")
    assert outside.error is not None
    assert outside.error.type == "ToolNotFound"


@pytest.mark.requirement("R43")
async def test_the_policy_decides_about_the_agents_own_tools(shop: Shop, tmp_path: Path) -> None:
    rules = '[[policy.rules]]\nserver = "host-functions"\ntool = "double"\ndecision = "deny"\n'
    (tmp_path / "underpass.toml").write_text(rules)
    (tmp_path / ".mcp.json").write_text(json.dumps({"mcpServers": {}}))
    async with Underpass.open(tmp_path / ".mcp.json") as up:
        executor = UnderpassExecutor(up)
        executor.send_tools({"double": twice})
        with pytest.raises(CodeError, match="PermissionDenied"):
            await Steps(executor)("double(1)")


async def test_the_end_of_an_executor_ends_its_session(up: Underpass) -> None:
    executor = UnderpassExecutor(up, session="mine")
    await Steps(executor)("1")
    assert [info.name for info in up.sessions()] == ["mine"]
    await anyio.to_thread.run_sync(executor.cleanup)
    assert up.sessions() == []


async def test_a_server_cannot_have_the_name_of_the_functions(shop: Shop, tmp_path: Path) -> None:
    async with Underpass.open({"host-functions": shop.server}, home=tmp_path) as up:
        with pytest.raises(ConfigError, match="host-functions"):
            UnderpassExecutor(up).send_tools({"double": twice})
