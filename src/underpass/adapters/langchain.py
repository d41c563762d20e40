"""Tools for LangChain and LangGraph: ``create_agent(model, underpass_tools(up))``."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Unpack

from underpass.adapters.requirement import required
from underpass.adapters.tool import RunOptions, UnderpassTool
from underpass.adapters.tools import as_tools
from underpass.execution.result import RunResult

with required("LangChain", "langchain"):
    from langchain_core.callbacks import adispatch_custom_event
    from langchain_core.tools import StructuredTool, ToolException

if TYPE_CHECKING:
    from underpass import Underpass

PROGRESS: Final = "underpass_progress"
"""The name of the custom events that tell of a program's progress."""


def underpass_tools(
    up: Underpass, *, typescript: bool = False, needs_approval: bool = False, **options: Unpack[RunOptions]
) -> list[StructuredTool]:
    """Return the tools that run programs, find tools and explain them.

    What a program came to is the ``artifact`` of its ``ToolMessage``: a ``RunResult``. A program that fails
    is a message of the status ``error``. Progress is a custom event, ``underpass_progress``. ``ainvoke``
    works in the event loop, ``invoke`` in other threads.

    Parameters:
        up: an opened ``Underpass``.
        typescript: whether the model may write TypeScript as well.
        needs_approval: whether a person approves each program before it runs: an ``interrupt`` of LangGraph,
            which is resumed with True.
        options: as for ``Underpass.run``: ``agent``, ``session``, ``timeout``, ``ask`` and others.
    """
    plain = as_tools(up, typescript=typescript, **options)
    # The others only read.
    return [_tool(each, needs_approval=needs_approval and each is plain[0]) for each in plain]


def _tool(tool: UnderpassTool, *, needs_approval: bool) -> StructuredTool:
    async def work(**arguments: Any) -> tuple[str, RunResult | None]:
        # The interrupted node begins anew when it is resumed: nothing may have happened before.
        if needs_approval and not _is_approved(tool, arguments):
            raise ToolException("the person who was asked does not allow this program")
        answer = await tool.answer(arguments, on_progress=_report)
        if not answer.ok:
            raise ToolException(answer.text)
        return answer.text, answer.result

    def wait(**arguments: Any) -> tuple[str, RunResult | None]:
        return tool.threads.run(work, **arguments)

    return StructuredTool.from_function(
        func=wait,
        coroutine=work,
        name=tool.name,
        description=tool.description,
        args_schema=dict(tool.parameters),
        infer_schema=False,
        response_format="content_and_artifact",
        handle_tool_error=True,
    )


def _is_approved(tool: UnderpassTool, arguments: dict[str, Any]) -> bool:
    with required("LangGraph", "langgraph"):
        from langgraph.types import interrupt

    return interrupt({"tool": tool.name, "arguments": arguments}) is True


async def _report(progress: float, total: float | None, message: str | None) -> None:
    # There is nobody to tell where the tool is called by hand.
    with suppress(RuntimeError):
        await adispatch_custom_event(PROGRESS, {"progress": progress, "total": total, "message": message})
