"""The Python back end: tool definitions to modules of a package.

The package is lazy: importing it loads no server, importing a server loads no tool. Each module can
be made alone, for a sandbox that asks for one at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import jinja2

from underpass.catalog.definition import Finding, Listing, ToolDefinition
from underpass.codegen import python_literals
from underpass.codegen.header import PYTHON_HEADER, definition_digest, label
from underpass.codegen.interface import tool_interface
from underpass.codegen.ir import Anything, Nothing
from underpass.codegen.names import digest, identifiers, tool_identifier
from underpass.codegen.python_docstring import Parameter, docstring
from underpass.codegen.python_types import PythonTypes
from underpass.codegen.text import clean_line

_TEMPLATES = Path(__file__).parent / "templates" / "python"


def render_tool(tool: ToolDefinition, function: str | None = None, *, templates: Path | None = None) -> str:
    """Return the module of one tool: its types and one async function.

    Parameters:
        tool: the definition; its ``server`` and ``name`` are what the generated call sends.
        function: the function's name; by default the tool's own identifier.
        templates: a directory whose ``tool.py.jinja`` replaces the packaged one.
    """
    function = function or tool_identifier(tool.name)
    return _template("tool.py.jinja", templates).render(_tool_context(tool, function))


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
    """The modules of one server, each made when asked for.

    ``findings`` names the tools left out, and those that were widened to be usable.
    """

    def __init__(
        self, server: str, tools: Sequence[ToolDefinition], *, templates: Path | None = None
    ) -> None:
        self.server = server
        self._templates = templates
        usable, self.findings = _usable(server, tools)
        names = identifiers(usable, "tool")
        entries = (_Entry(usable[name], names[name], f"_{names[name]}") for name in usable)
        self._entries = {entry.function: entry for entry in sorted(entries, key=lambda entry: entry.function)}

    @cached_property
    def functions(self) -> dict[str, str]:
        """The function of each tool, by the tool's real name."""
        return {entry.tool.name: entry.function for entry in self._entries.values()}

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
        return _template("server.py.jinja", self._templates).render(
            header=PYTHON_HEADER,
            server_label=label(self.server),
            server_text=_docstring_name(self.server),
            count=len(tools),
            digest=digest("".join(definition_digest(entry.tool) for entry in tools))[:16],
            tools=tools,
        )

    def _module(self, entry: _Entry) -> str:
        return render_tool(entry.tool, entry.function, templates=self._templates)


class PythonPackage:
    """The generated package ``mcp_servers`` for many servers.

    Parameters:
        servers: the tools of each server by the server's configured name.
        templates: a directory whose ``tool.py.jinja``, ``server.py.jinja``, ``package.py.jinja`` or
            ``runtime.py.jinja`` replace the packaged ones.

    Nothing is made before it is asked for, and the order of servers and tools makes no difference.
    """

    def __init__(
        self, servers: Mapping[str, Listing | Sequence[ToolDefinition]], *, templates: Path | None = None
    ) -> None:
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
        """The tools left out of the package, with the reasons."""
        return tuple(finding for package in self._servers for finding in self.server(package).findings)

    def server(self, package: str) -> ServerModules:
        """Return the modules of one server by its Python name. Raises ``KeyError`` if there is none."""
        if package not in self._modules:
            name = self._servers[package]
            self._modules[package] = ServerModules(name, self._tools[name], templates=self._templates)
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
        return _template(name, self._templates).render(header=PYTHON_HEADER, **context)


def _usable(
    server: str, tools: Sequence[ToolDefinition]
) -> tuple[dict[str, ToolDefinition], tuple[Finding, ...]]:
    """Return the tools to make modules of by name, and why the others are left out."""
    usable: dict[str, ToolDefinition] = {}
    findings: list[Finding] = []
    for tool in tools:
        reason = _defect(tool)
        if reason is None and tool.name in usable:
            reason = "another tool of the server has the same name and came first"
        if reason is None:
            usable[tool.name] = tool if tool.server == server else replace(tool, server=server)
        else:
            findings.append(Finding(server, str(tool.name)[:200], "quarantined", reason))
    return usable, tuple(findings)


def _defect(tool: ToolDefinition) -> str | None:
    # Definitions come from others, so what the types promise is looked at here.
    if not _is_text(tool.name):
        return "its name is no string"
    try:
        tool.name.encode()
    except UnicodeEncodeError:
        return "its name is no valid Unicode, so no call can carry it"
    if not _is_schema(tool.input_schema):
        return "its input schema is neither an object nor a boolean"
    if tool.output_schema is not None and not _is_schema(tool.output_schema):
        return "its output schema is neither an object nor a boolean"
    if not _is_text(tool.description) or not _is_text(tool.title or ""):
        return "its description or title is no string"
    return None


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_schema(value: object) -> bool:
    return isinstance(value, Mapping | bool)


def _tool_context(tool: ToolDefinition, function: str) -> dict[str, Any]:
    interface = tool_interface(tool)
    types = PythonTypes(function)
    arguments = types.scope(interface.arguments, output=False)
    result = types.scope(interface.result, output=True)
    names = identifiers((field.name for field in interface.parameters), "parameter")
    parameters = [
        Parameter(field, names[field.name], arguments.annotation(field.type, field.name))
        for field in interface.parameters
    ]
    extra = None if interface.extra is None else arguments.annotation(interface.extra, "extra")
    # A function that returns Never would make the code after its call unreachable.
    returns = (
        "Any" if isinstance(interface.returns, Nothing) else result.annotation(interface.returns, "result")
    )
    if isinstance(interface.returns, Anything | Nothing):
        types.imports.add("Any")
    # What arrives is Any. A type checker reads no escapes in a quoted type: there it stays so.
    cast_open = ""
    if returns != "Any" and "\\" not in (quoted := python_literals.string(returns)):
        types.imports.add("cast")
        cast_open = f"cast({quoted}, "
    return {
        "header": PYTHON_HEADER,
        "server_label": label(tool.server),
        "tool_label": label(tool.name),
        "digest": definition_digest(tool),
        "imports": sorted(types.imports),
        "types": types.definitions,
        "function": function,
        "function_literal": python_literals.string(function),
        "server_literal": python_literals.string(tool.server),
        "tool_literal": python_literals.string(tool.name),
        "parameters": parameters,
        "uses_omit": not all(parameter.required for parameter in parameters),
        "extra": extra,
        "returns": returns,
        "cast_open": cast_open,
        "docstring": docstring(tool.description or tool.title or "", parameters, returns, interface.notes),
    }


def _docstring_name(server: str) -> str:
    return python_literals.docstring_body(python_literals.string(clean_line(server, 100)))


def _template(name: str, directory: Path | None) -> jinja2.Template:
    return _environment(directory).get_template(name)


@lru_cache(maxsize=8)
def _environment(directory: Path | None) -> jinja2.Environment:
    searched = [_TEMPLATES] if directory is None else [directory, _TEMPLATES]
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(searched),
        autoescape=False,  # noqa: S701 - the output is Python, and each value is escaped as such
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
