"""The Python back end: tool definitions to modules of the package ``mcp_servers``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from underpass.catalog.definition import ToolDefinition
from underpass.codegen import modules, python_literals
from underpass.codegen.header import PYTHON_HEADER
from underpass.codegen.python_tool import render_tool
from underpass.codegen.text import clean_line

__all__ = ["PythonPackage", "ServerModules", "render_server", "render_tool"]


def render_server(
    server: str, tools: Sequence[ToolDefinition], *, templates: Path | None = None
) -> dict[str, str]:
    """Return the modules of one server, ``__init__.py`` among them, by path within its package.

    A tool that no module can be made of is left out; ``PythonPackage`` says which and why.
    """
    return ServerModules(server, tools, templates=templates).files()


class ServerModules(modules.ServerModules):
    """The Python modules of one server, each made when asked for."""

    layout = modules.Layout(
        language="python",
        suffix=".py",
        index="__init__.py",
        shared={
            "_runtime.py": "runtime.py.jinja",
            "_resources.py": "resources.py.jinja",
            "_client.py": "client.py.jinja",
        },
        header=PYTHON_HEADER,
        servers="server",
        tools="tool",
        render_tool=render_tool,
    )

    def _render(self, template: str, **context: Any) -> str:
        name = python_literals.docstring_body(python_literals.string(clean_line(self.server, 100)))
        literal = python_literals.string(self.server)
        return super()._render(template, server_text=name, server_literal=literal, **context)


class PythonPackage(modules.Package):
    """The generated package ``mcp_servers`` for many servers.

    Parameters:
        servers: the tools of each server by the server's configured name.
        templates: a directory whose ``tool.py.jinja``, ``server.py.jinja``, ``package.py.jinja`` or
            ``runtime.py.jinja`` replace the packaged ones.
        observed: finds what earlier results looked like, for tools that declare none.

    Nothing is made before it is asked for, and the order of servers and tools makes no difference.
    """

    modules = ServerModules
