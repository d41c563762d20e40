"""Generated TypeScript modules, as a type checker sees them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from underpass.catalog.definition import Listing, ToolDefinition
from underpass.codegen.documentation import signature
from underpass.codegen.typescript import ServerModules, TypeScriptPackage

_PACKAGE: Final = "mcp-servers"
_WORD: Final = re.compile(r"[\w$]+")
_LISTED: Final = re.compile(rf"""\{{([^}}]*)\}}\s*(?:from|=\s*await\s+import\()\s*["']{_PACKAGE}["']""")
_BELOW: Final = re.compile(rf"""["']({_PACKAGE}/[^"'\n]+)["']""")
_WHOLE: Final = re.compile(rf"""([\w$]+)\s*(?:from|=\s*await\s+import\()\s*["']{_PACKAGE}["']""")
_INTERFACE: Final = re.compile(r"^export interface ([\w$]+) \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
_KEY: Final = re.compile(r"^  (?:\"([^\"\n]*)\"|([\w$]+))\??: ", re.MULTILINE)


class TypeScriptNotation:
    """The package ``mcp-servers``.

    Parameters:
        servers: the configured names of all servers.
    """

    package = _PACKAGE
    index = "index.ts"

    def __init__(self, servers: Iterable[str]) -> None:
        self._package = TypeScriptPackage(dict.fromkeys(servers, ()))
        self.imports = self._package.import_map(f"./{_PACKAGE}/")
        """Where imports lead, from the project's folder."""

    def identifiers(self, servers: Iterable[str]) -> dict[str, str]:
        """Return the name of each server in code."""
        return {server: self._package.packages[server] for server in servers}

    def server(self, path: str) -> str | None:
        """Return the name in code of the server that ``mcp-servers/…`` means, or None."""
        target = self.imports.get(path, "")
        return target.split("/")[2] if path != _PACKAGE and target else None

    def mentioned(self, code: str, packages: Iterable[str]) -> set[str]:
        """Return those of ``packages`` that a program imports: by the text alone, so a few too many."""
        return set(packages).intersection(self._imports(code))

    def _imports(self, code: str) -> Iterator[str]:
        for path in _BELOW.findall(code):
            if server := self.server(path):
                yield server
        for listed in _LISTED.findall(code):
            yield from _WORD.findall(listed)
        for name in _WHOLE.findall(code):
            yield from re.findall(rf"(?<![\w$]){re.escape(name)}\s*\.\s*([\w$]+)", code)

    def words(self, code: str) -> set[str]:
        """Return every word of a program."""
        return set(_WORD.findall(code))

    def modules(self, server: str, listing: Listing) -> ServerModules:
        """Return the generated modules of a server.

        Shapes that were only observed are left out: they promise nothing.
        """
        return ServerModules(server, listing.tools)

    def shared(self) -> Mapping[str, str]:
        """Return the files that the generated modules share."""
        return {path: self._package.source(path) or "" for path in ServerModules.layout.shared}

    def root(self, known: Iterable[str], unknown: Iterable[str]) -> Mapping[str, str]:
        """Return the package's index."""
        lines = [
            *(f'export declare const {package}: typeof import("./{package}/index.ts");' for package in known),
            *(f"export declare const {package}: any;" for package in unknown),
            'export { ToolError } from "./_runtime.ts";',
        ]
        return {self.index: "\n".join(lines) + "\n"}

    def usage(self, tool: ToolDefinition, function: str) -> str:
        """Return how a tool is called: ``gitLog({ repo_path: string, max_count?: number })``."""
        return signature(tool, "typescript", name=function).rpartition(": Promise<")[0]

    def classes(self, text: str) -> Mapping[str, Sequence[str]]:
        """Return the keys of each interface in a tool's module."""
        return {
            name: [quoted or plain for quoted, plain in _KEY.findall(body)]
            for name, body in _INTERFACE.findall(text)
        }

    def anything(self, package: str) -> Mapping[str, str]:
        """Return the files of a server of which nothing is known; what is missing in it is no problem."""
        return {f"{package}/{self.index}": "export {};\n"}
