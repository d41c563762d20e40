"""A graph of LangGraph whose model writes programs. ``main`` takes any chat model of LangChain's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langgraph.graph import (  # pyright: ignore[reportMissingTypeStubs] - of a part of it
    END,
    START,
    MessagesState,
    StateGraph,
)
from langgraph.prebuilt import ToolNode, tools_condition

from underpass import Underpass
from underpass.adapters.langchain import underpass_tools


async def main(model: BaseChatModel, task: str, config: Path | dict[str, Any]) -> str:
    """Carry out a task with the servers of ``config``."""
    async with Underpass.open(config) as up:
        tools = underpass_tools(up)
        thinking = model.bind_tools(tools)

        async def think(state: MessagesState) -> dict[str, Any]:
            return {"messages": [await thinking.ainvoke(state["messages"])]}

        graph: Any = StateGraph(MessagesState)
        graph.add_node("think", think)
        graph.add_node("tools", ToolNode(tools))
        graph.add_edge(START, "think")
        graph.add_conditional_edges("think", tools_condition, {"tools": "tools", END: END})
        graph.add_edge("tools", "think")
        state = await graph.compile().ainvoke({"messages": [("user", task)]})
        return str(state["messages"][-1].content)
