"""The TypeScript back end: tool definitions to ES modules of the package ``mcp-servers``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from underpass.catalog.definition import ToolDefinition
from underpass.codegen import modules
from underpass.codegen.header import TYPESCRIPT_HEADER, label
from underpass.codegen.names import server_identifier
from underpass.codegen.observed import ObservedShape
from underpass.codegen.text import clean_line
from underpass.codegen.typescript_literals import comment, string
from underpass.codegen.typescript_tool import (
    TypeScriptTool,
    describe_tool,
    render_tool,
    reserved_names,
    type_names,
)
from underpass.codegen.typescript_types import TypeScriptTypes

__all__ = ["ServerModules", "TypeScriptPackage", "render_tool"]

_PACKAGE: Final = "mcp-servers"


@dataclass(frozen=True, slots=True)
class _Export:
    """One tool as the module of its server exports it."""

    function: str
    module: str
    parameters: str
    result: str
    summary: str


class ServerModules(modules.ServerModules):
    """The TypeScript modules of one server, each made when asked for."""

    layout = modules.Layout(
        language="typescript",
        suffix=".ts",
        index="index.ts",
        shared={
            "_lazy.ts": "_lazy.ts.jinja",
            "_runtime.ts": "_runtime.ts.jinja",
            "_resources.ts": "_resources.ts.jinja",
            "_client.ts": "_client.ts.jinja",
        },
        header=TYPESCRIPT_HEADER,
        servers="namespace",
        tools="function",
        render_tool=render_tool,
    )

    def single(self) -> str:
        """Return all tools as one module; it needs ``_runtime.ts`` and ``_client.ts`` beside it."""
        return self._render("module.ts.jinja", tools=self.described())

    def declarations(self) -> str:
        """Return the declarations of ``single``: what a ``.d.ts`` file beside its JavaScript holds."""
        return self._render("module.d.ts.jinja", tools=self.described())

    def described(self) -> list[TypeScriptTool]:
        """Return all tools as a template sees them, with types of distinct names."""
        types = TypeScriptTypes(reserved_names(*self._entries))

        def describe(entry: modules.Entry) -> TypeScriptTool:
            def make(tool: ToolDefinition, observed: ObservedShape | None) -> TypeScriptTool:
                types.discard()
                return describe_tool(tool, entry.function, types, observed)

            return self._tolerant(entry, make)

        return [describe(entry) for entry in self._entries.values()]

    def _render(self, template: str, **context: Any) -> str:
        return super()._render(template, server_literal=string(self.server), **context)

    def _index(self) -> str:
        tools = [
            _Export(entry.function, entry.module, *type_names(entry.function), _summary(entry.tool))
            for entry in self._entries.values()
        ]
        return self._render("server.ts.jinja", tools=tools)


@dataclass(frozen=True, slots=True)
class _Declared:
    """One server in the file that declares a whole package."""

    name: str
    label: str
    aliases: list[str]
    tools: list[TypeScriptTool]
    prompts: str
    resources: str


class TypeScriptPackage(modules.Package):
    """The generated package ``mcp-servers`` for many servers.

    Its files are ``index.ts`` (a namespace for each server), ``<server>/index.ts`` (a function for
    each tool), ``<server>/_<tool>.ts``, and what they share: ``_lazy.ts``, ``_runtime.ts``,
    ``_resources.ts``, ``_client.ts``. The name of a server in code is its namespace, its folder and its
    import path alike.

    Parameters:
        servers: the tools of each server by the server's configured name.
        templates: a directory whose ``tool.ts.jinja``, ``server.ts.jinja``, ``package.ts.jinja`` and so
            on replace the packaged ones.
        observed: finds what earlier results looked like, for tools that declare none.

    Nothing is made before it is asked for, and the order of servers and tools makes no difference.
    """

    modules = ServerModules

    def import_map(self, base: str = "./") -> dict[str, str]:
        """Return where a program's imports lead: the ``imports`` of an import map.

        Each server is there by its name in code, and by its configured name (``mcp-servers/my-server``)
        and that of its Python package (``mcp-servers/my_server``) where no other server could be meant.
        Only the names of the servers matter: their tools need not be known.

        Parameters:
            base: the address of the package's folder, with a slash at its end.
        """
        imports = {_PACKAGE: f"{base}index.ts"}
        for package in self._servers:
            for path in (f"{_PACKAGE}/{package}", *self._aliases[package]):
                imports[path] = f"{base}{package}/index.ts"
        return imports

    def declarations(self) -> str:
        """Return a ``.d.ts`` file that declares the modules ``mcp-servers`` and ``mcp-servers/…``.

        With it, an editor or type checker knows what a program imports, wherever the modules are.
        """
        servers = [
            _Declared(
                package,
                label(name),
                [string(alias) for alias in self._aliases[package]],
                (made := self._typescript(package)).described(),
                made.offer("prompts"),
                made.offer("resources"),
            )
            for package, name in self._servers.items()
        ]
        return self._render("package.d.ts.jinja", servers=servers)

    def single(self, package: str, name: str, *, declarations: bool = False) -> dict[str, str]:
        """Return all tools of a server as one module, with the modules that it needs beside it.

        Parameters:
            package: the server's name in code.
            name: the module's file name without ``.ts``.
            declarations: add ``<name>.d.ts``.
        """
        server = self._typescript(package)
        files = {f"{name}.ts": server.single()}
        if declarations:
            files[f"{name}.d.ts"] = server.declarations()
        needed = (path for path in server.layout.shared if path != "_lazy.ts")
        return {**files, **{path: self.source(path) or "" for path in needed}}

    def _typescript(self, package: str) -> ServerModules:
        made = self.server(package)
        assert isinstance(made, ServerModules)
        return made

    @property
    def _aliases(self) -> Mapping[str, Sequence[str]]:
        """The other import paths of each server."""
        wanted: dict[str, list[str]] = {}
        for package, name in self._servers.items():
            for alias in dict.fromkeys((name, server_identifier(name))):
                if alias.isprintable() and alias not in self._servers and not alias.endswith("/"):
                    wanted.setdefault(alias, []).append(package)
        aliases: dict[str, list[str]] = {package: [] for package in self._servers}
        for alias, packages in wanted.items():
            if alias and len(packages) == 1:
                aliases[packages[0]].append(f"{_PACKAGE}/{alias}")
        return aliases


def _summary(tool: ToolDefinition) -> str:
    return comment(clean_line(tool.description or tool.title or "No description.", 160))
