"""A toolset for Pydantic AI: ``Agent(model, toolsets=[UnderpassToolset(up)])``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Unpack

from underpass.adapters.requirement import required
from underpass.adapters.tool import RunOptions, UnderpassTool
from underpass.adapters.tools import as_tools

with required("Pydantic AI", "pydantic-ai"):
    from pydantic_ai import FunctionToolset, ModelRetry, Tool, ToolReturn
    from pydantic_ai.exceptions import ToolFailed

if TYPE_CHECKING:
    from underpass import Underpass

_RETRIES: Final = 3


class UnderpassToolset(FunctionToolset[Any]):
    """The tools that run programs, find tools and explain them.

    What a program came to is the ``metadata`` of its ``ToolReturnPart``: a ``RunResult``. A program that
    fails is a ``ToolFailed``: the model reads why and goes on, as long as the agent's ``UsageLimits`` let it.
    A call of which nothing ran is a ``ModelRetry``.

    Parameters:
        up: an opened ``Underpass``.
        typescript: whether the model may write TypeScript as well.
        max_retries: calls of one tool in an agent's run of which nothing may have run.
        requires_approval: whether a person approves each program before it runs, by a deferred tool call.
        id: of the toolset.
        options: as for ``Underpass.run``: ``agent``, ``session``, ``timeout``, ``ask`` and others.
    """

    def __init__(
        self,
        up: Underpass,
        *,
        typescript: bool = False,
        max_retries: int = _RETRIES,
        requires_approval: bool = False,
        id: str = "underpass",  # noqa: A002 - the framework's name
        **options: Unpack[RunOptions],
    ) -> None:
        tools = [_tool(each) for each in as_tools(up, typescript=typescript, **options)]
        # The others only read.
        tools[0].requires_approval = requires_approval
        super().__init__(tools, max_retries=max_retries, id=id)


def _tool(tool: UnderpassTool) -> Tool[Any]:
    async def call(**arguments: Any) -> ToolReturn[str]:
        answer = await tool.answer(arguments)
        if not answer.ok and answer.result is None:
            raise ModelRetry(answer.text)
        if not answer.ok:
            raise ToolFailed(answer.text)
        return ToolReturn(answer.text, metadata=answer.result)

    return Tool.from_schema(call, tool.name, tool.description, dict(tool.parameters))
