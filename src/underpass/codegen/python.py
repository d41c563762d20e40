"""The Python back end: tool definitions to modules of a package.

The package is lazy: importing it loads no server, importing a server loads no tool. Each module can
be made alone, for a sandbox that asks for one at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from underpass.catalog.definition import Finding, Listing, ToolDefinition
from underpass.codegen import python_literals
from underpass.codegen.header import PYTHON_HEADER, definition_digest, label
from underpass.codegen.names import digest, identifiers
from underpass.codegen.observed import Observations, unobserved
from underpass.codegen.python_tool import render_tool
from underpass.codegen.template_files import render
from underpass.codegen.text import clean_line
from underpass.codegen.usable import usable_tools
from underpass.errors import GenerationFailed

__all__ = ["PythonPackage", "ServerModules", "render_server", "render_tool"]


def render_server(
    server: str, tools: Sequence[ToolDefinition], *, templates: Path | None = None
) -> dict[str, str]:
    """Return the modules of one server, ``__init__.py`` among them, by path within its package.

    A tool that no module can be made of is left out; ``PythonPackage`` says which and why.
    """
    return ServerModules(server, tools, templates=templates).files()


@dataclass(frozen=True, slots=True)
class _Entry:
    """One usable tool of a server under the names it has in Python."""

    tool: ToolDefinition
    function: str
    module: str


class ServerModules:
    """The modules of one server, each made when asked for."""

    def __init__(
        self,
        server: str,
        tools: Sequence[ToolDefinition],
        *,
        templates: Path | None = None,
        observed: Observations = unobserved,
    ) -> None:
        self.server = server
        self._observed = observed
        self._templates = templates
        self._widened: dict[str, Finding] = {}
        usable, self._left_out = usable_tools(server, tools)
        names = identifiers(usable, "tool")
        entries = (_Entry(usable[name], names[name], f"_{names[name]}") for name in usable)
        self._entries = {entry.function: entry for entry in sorted(entries, key=lambda entry: entry.function)}

    @cached_property
    def functions(self) -> dict[str, str]:
        """The function of each tool, by the tool's real name."""
        return {entry.tool.name: entry.function for entry in self._entries.values()}

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The tools left out, and those among the modules made so far that had to be widened."""
        return (*self._left_out, *self._widened.values())

    @property
    def paths(self) -> list[str]:
        """The paths of all modules within the server's package."""
        return ["__init__.py", *(f"{entry.module}.py" for entry in self._entries.values())]

    def source(self, path: str) -> str | None:
        """Return one module's text, or ``None`` when there is no such module."""
        if path == "__init__.py":
            return self._init()
        entry = self._entries.get(path.removeprefix("_").removesuffix(".py"))
        return None if entry is None or path != f"{entry.module}.py" else self._module(entry)

    def files(self) -> dict[str, str]:
        """Return the text of every module by its path within the server's package."""
        return {path: text for path in self.paths if (text := self.source(path)) is not None}

    def _init(self) -> str:
        tools = list(self._entries.values())
        context = {
            "header": PYTHON_HEADER,
            "server_label": label(self.server),
            "server_text": _docstring_name(self.server),
            "count": len(tools),
            "digest": digest("".join(definition_digest(entry.tool) for entry in tools))[:16],
            "tools": tools,
        }
        return render("python", "server.py.jinja", self._templates, context)

    def _module(self, entry: _Entry) -> str:
        try:
            observed = self._observed(entry.tool)
            return render_tool(entry.tool, entry.function, templates=self._templates, observed=observed)
        except GenerationFailed:
            raise
        except Exception as error:  # noqa: BLE001 - whatever one definition does, it costs no other tool
            reason = f"its schemas cannot be read ({type(error).__name__}): any arguments are accepted"
            self._widened[entry.function] = Finding(self.server, entry.tool.name, "repaired", reason)
            tool = replace(entry.tool, input_schema=True, output_schema=None)
            return render_tool(tool, entry.function, templates=self._templates)


class PythonPackage:
    """The generated package ``mcp_servers`` for many servers.

    Parameters:
        servers: the tools of each server by the server's configured name.
        templates: a directory whose ``tool.py.jinja``, ``server.py.jinja``, ``package.py.jinja`` or
            ``runtime.py.jinja`` replace the packaged ones.
        observed: finds what earlier results looked like, for tools that declare none.

    Nothing is made before it is asked for, and the order of servers and tools makes no difference.
    """

    def __init__(
        self,
        servers: Mapping[str, Listing | Sequence[ToolDefinition]],
        *,
        templates: Path | None = None,
        observed: Observations = unobserved,
    ) -> None:
        self._observed = observed
        self._tools = {
            name: listing.tools if isinstance(listing, Listing) else listing
            for name, listing in servers.items()
        }
        self._templates = templates
        self.packages = identifiers(servers, "server")
        """The Python name of each server, by its configured name."""
        self._servers = {
            package: name for name, package in sorted(self.packages.items(), key=lambda item: item[1])
        }
        self._modules: dict[str, ServerModules] = {}

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The tools left out of the package, and those of files made so far that had to be widened."""
        return tuple(finding for package in self._servers for finding in self.server(package).findings)

    def server(self, package: str) -> ServerModules:
        """Return the modules of one server by its Python name. Raises ``KeyError`` if there is none."""
        if package not in self._modules:
            name = self._servers[package]
            self._modules[package] = ServerModules(
                name, self._tools[name], templates=self._templates, observed=self._observed
            )
        return self._modules[package]

    def path(self, server: str, tool: str) -> str:
        """Return how a program names a tool: ``git.git_log``. Raises ``KeyError`` if there is none."""
        package = self.packages[server]
        return f"{package}.{self.server(package).functions[tool]}"

    def source(self, path: str) -> str | None:
        """Return the text of one file, ``git/_git_log.py``, or ``None`` when the package has none such."""
        if path == "__init__.py":
            return self._template("package.py.jinja", servers=list(self._servers), count=len(self._servers))
        if path == "_runtime.py":
            return self._template("runtime.py.jinja")
        package, _, module = path.partition("/")
        return self.server(package).source(module) if package in self._servers else None

    def files(self) -> dict[str, str]:
        """Return the text of every file by its path within the package."""
        return dict(self._files())

    def _files(self) -> Iterator[tuple[str, str]]:
        for path in ("__init__.py", "_runtime.py"):
            yield path, self.source(path) or ""
        for package in self._servers:
            for path, text in self.server(package).files().items():
                yield f"{package}/{path}", text

    def _template(self, name: str, **context: Any) -> str:
        return render("python", name, self._templates, {"header": PYTHON_HEADER, **context})


def _docstring_name(server: str) -> str:
    return python_literals.docstring_body(python_literals.string(clean_line(server, 100)))
