"""A package of generated modules: one a server, one a tool, in any language.

The package is lazy: importing it loads no server, importing a server loads no tool. Each module can
be made alone, for a sandbox that asks for one at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, TypeVar

from underpass.catalog.definition import Finding, Listing, ToolDefinition
from underpass.codegen.header import definition_digest, label
from underpass.codegen.names import Kind, digest, identifiers
from underpass.codegen.observed import Observations, ObservedShape, unobserved
from underpass.codegen.template_files import render
from underpass.codegen.usable import usable_tools
from underpass.errors import GenerationFailed

Made = TypeVar("Made")


class RenderTool(Protocol):
    """Makes the module of one tool."""

    def __call__(
        self,
        tool: ToolDefinition,
        function: str,
        *,
        templates: Path | None,
        observed: ObservedShape | None,
    ) -> str: ...


@dataclass(frozen=True, slots=True)
class Layout:
    """What a package looks like in one language.

    ``index`` names the module of a package or a server, ``shared`` the modules that all others use,
    with their templates. ``servers`` and ``tools`` are the kinds of identifier that these become.
    """

    language: str
    suffix: str
    index: str
    shared: Mapping[str, str]
    header: str
    servers: Kind
    tools: Kind
    render_tool: RenderTool


@dataclass(frozen=True, slots=True)
class Entry:
    """One usable tool of a server under the names it has in generated code."""

    tool: ToolDefinition
    function: str
    module: str


class ServerModules:
    """The modules of one server, each made when asked for."""

    layout: ClassVar[Layout]

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
        names = identifiers(usable, self.layout.tools)
        entries = (Entry(usable[name], names[name], f"_{names[name]}") for name in usable)
        self._entries = {entry.function: entry for entry in sorted(entries, key=lambda entry: entry.function)}

    @cached_property
    def functions(self) -> dict[str, str]:
        """The function of each tool, by the tool's real name."""
        return {entry.tool.name: entry.function for entry in self._entries.values()}

    def offer(self, name: Literal["resources", "prompts"]) -> str:
        """Return what the server's module calls its resources or prompts.

        A tool of that name keeps it; no function's identifier ends with the underscore that is added.
        """
        return f"{name}_" if name in self._entries else name

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The tools left out, and those among the modules made so far that had to be widened."""
        return (*self._left_out, *self._widened.values())

    @property
    def paths(self) -> list[str]:
        """The paths of all modules within the server's package."""
        suffix = self.layout.suffix
        return [self.layout.index, *(f"{entry.module}{suffix}" for entry in self._entries.values())]

    def source(self, path: str) -> str | None:
        """Return one module's text, or ``None`` when there is no such module."""
        if path == self.layout.index:
            return self._index()
        entry = self._entries.get(path.removeprefix("_").removesuffix(self.layout.suffix))
        return None if entry is None or path != f"{entry.module}{self.layout.suffix}" else self._module(entry)

    def files(self) -> dict[str, str]:
        """Return the text of every module by its path within the server's package."""
        return {path: text for path in self.paths if (text := self.source(path)) is not None}

    def _index(self) -> str:
        return self._render(f"server{self.layout.suffix}.jinja", tools=list(self._entries.values()))

    def _render(self, template: str, **context: Any) -> str:
        entries = self._entries.values()
        shared = {
            "header": self.layout.header,
            "server": self.server,
            "server_label": label(self.server),
            "count": len(entries),
            "digest": digest("".join(definition_digest(entry.tool) for entry in entries))[:16],
            "resources": self.offer("resources"),
            "prompts": self.offer("prompts"),
        }
        return render(self.layout.language, template, self._templates, {**shared, **context})

    def _module(self, entry: Entry) -> str:
        def make(tool: ToolDefinition, observed: ObservedShape | None) -> str:
            return self.layout.render_tool(tool, entry.function, templates=self._templates, observed=observed)

        return self._tolerant(entry, make)

    def _tolerant(self, entry: Entry, make: Callable[[ToolDefinition, ObservedShape | None], Made]) -> Made:
        try:
            return make(entry.tool, self._observed(entry.tool))
        except GenerationFailed:
            raise
        except Exception as error:  # noqa: BLE001 - whatever one definition does, it costs no other tool
            reason = f"its schemas cannot be read ({type(error).__name__}): any arguments are accepted"
            self._widened[entry.function] = Finding(self.server, entry.tool.name, "repaired", reason)
            return make(replace(entry.tool, input_schema=True, output_schema=None), None)


class Package:
    """A generated package for many servers.

    Parameters:
        servers: the tools of each server by the server's configured name.
        templates: a directory whose templates replace the packaged ones of the same name.
        observed: finds what earlier results looked like, for tools that declare none.

    Nothing is made before it is asked for, and the order of servers and tools makes no difference.
    """

    modules: ClassVar[type[ServerModules]]

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
        self.packages = identifiers(servers, self.modules.layout.servers)
        """The name of each server in generated code, by its configured name."""
        self._servers = {
            package: name for name, package in sorted(self.packages.items(), key=lambda item: item[1])
        }
        self._modules: dict[str, ServerModules] = {}

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The tools left out of the package, and those of files made so far that had to be widened."""
        return tuple(finding for package in self._servers for finding in self.server(package).findings)

    def server(self, package: str) -> ServerModules:
        """Return the modules of one server by its name in code. Raises ``KeyError`` if there is none."""
        if package not in self._modules:
            name = self._servers[package]
            self._modules[package] = self.modules(
                name, self._tools[name], templates=self._templates, observed=self._observed
            )
        return self._modules[package]

    def path(self, server: str, tool: str) -> str:
        """Return how a program names a tool: ``git.git_log``. Raises ``KeyError`` if there is none."""
        package = self.packages[server]
        return f"{package}.{self.server(package).functions[tool]}"

    def source(self, path: str) -> str | None:
        """Return the text of one file of a path such as ``git/_git_log.py``; ``None`` if there is none."""
        layout = self.modules.layout
        if path == layout.index:
            return self._render(
                f"package{layout.suffix}.jinja", servers=list(self._servers), count=len(self._servers)
            )
        if path in layout.shared:
            return self._render(layout.shared[path])
        package, _, module = path.partition("/")
        return self.server(package).source(module) if package in self._servers else None

    def files(self) -> dict[str, str]:
        """Return the text of every file by its path within the package."""
        return dict(self._files())

    def _files(self) -> Iterator[tuple[str, str]]:
        layout = self.modules.layout
        for path in (layout.index, *layout.shared):
            yield path, self.source(path) or ""
        for package in self._servers:
            for path, text in self.server(package).files().items():
                yield f"{package}/{path}", text

    def _render(self, template: str, **context: Any) -> str:
        layout = self.modules.layout
        return render(layout.language, template, self._templates, {"header": layout.header, **context})
