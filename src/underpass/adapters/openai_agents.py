"""Tools for the OpenAI Agents SDK: ``Agent(name="…", tools=[*underpass_tools(up)])``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack, cast

import orjson

from underpass.adapters.requirement import required
from underpass.adapters.tool import RunOptions, UnderpassTool
from underpass.adapters.tools import as_tools

with required("the OpenAI Agents SDK", "openai-agents"):
    from agents import FunctionTool
    from agents.tool_context import ToolContext

if TYPE_CHECKING:
    from underpass import Underpass


def underpass_tools(
    up: Underpass, *, typescript: bool = False, needs_approval: bool = False, **options: Unpack[RunOptions]
) -> list[FunctionTool]:
    """Return the tools that run programs, find tools and explain them.

    A program that fails is told to the model as the tool's output.

    Parameters:
        up: an opened ``Underpass``.
        typescript: whether the model may write TypeScript as well.
        needs_approval: whether a person approves each program before it runs; the SDK's run is interrupted.
        options: as for ``Underpass.run``: ``agent``, ``session``, ``timeout``, ``ask`` and others.
    """
    tools = [_tool(each) for each in as_tools(up, typescript=typescript, **options)]
    # The others only read.
    tools[0].needs_approval = needs_approval
    return tools


def _tool(tool: UnderpassTool) -> FunctionTool:
    async def invoke(_context: ToolContext[Any], text: str) -> str:
        try:
            arguments: object = orjson.loads(text or "{}")
        except ValueError as error:
            return f"the arguments are no JSON: {error}"
        if not isinstance(arguments, dict):
            return "the arguments are no JSON object"
        return (await tool.answer(cast("dict[str, Any]", arguments))).text

    return FunctionTool(
        name=tool.name,
        description=tool.description,
        params_json_schema=dict(tool.parameters),
        on_invoke_tool=invoke,
        # A strict schema has no optional parameters.
        strict_json_schema=False,
    )
