"""Underpass as a tool of other frameworks, one module for each.

    underpass.adapters.pydantic_ai     UnderpassToolset for Pydantic AI
    underpass.adapters.openai_agents   underpass_tools for the OpenAI Agents SDK
    underpass.adapters.langchain       underpass_tools for LangChain and LangGraph
    underpass.adapters.smolagents      UnderpassExecutor, where a CodeAgent's code runs
    underpass.adapters.fastmcp         UnderpassSandbox for FastMCP's CodeMode

Importing this package imports none of them; importing a module needs its framework. ``Underpass.as_tools``
gives the same tools as plain objects, for everything else.
"""

from underpass.adapters.tool import RunOptions, ToolAnswer, UnderpassTool
from underpass.adapters.tools import as_tool, as_tools

__all__ = ["RunOptions", "ToolAnswer", "UnderpassTool", "as_tool", "as_tools"]
