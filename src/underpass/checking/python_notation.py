"""Generated Python modules, and ``mcp_runtime``, as a type checker sees them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from underpass.catalog.definition import Listing, ToolDefinition
from underpass.codegen.documentation import signature
from underpass.codegen.names import identifiers
from underpass.codegen.python import PythonPackage, ServerModules
from underpass.guest import data

_PACKAGE: Final = "mcp_servers"
_WORD: Final = re.compile(r"\w+")
_FROM: Final = re.compile(rf"\bfrom\s+{_PACKAGE}\s+import\s*(\([^)]*\)|[^\n;#]*)")
_BELOW: Final = re.compile(rf"\b{_PACKAGE}\s*\.\s*(\w+)")
_RENAMED: Final = re.compile(rf"\bimport\s+{_PACKAGE}\s+as\s+(\w+)")
_CLASS: Final = re.compile(r"^class (\w+)\(TypedDict|^(\w+) = TypedDict\(", re.MULTILINE)
_FIELD: Final = re.compile(r"^    (\w+): |^        (\"[^\n]*?\"): ", re.MULTILINE)
_ERRORS: Final = (
    "PermissionDenied",
    "ToolArgumentsInvalid",
    "ToolChanged",
    "ToolError",
    "ToolFailed",
    "ToolLimitExceeded",
    "ToolNotFound",
    "ToolTimeout",
    "ToolUnavailable",
)
_ANYTHING: Final = "from typing import Any\n\ndef __getattr__(name: str) -> Any: ...\n"


class PythonNotation:
    """The package ``mcp_servers``."""

    package = _PACKAGE
    index = "__init__.pyi"

    def identifiers(self, servers: Iterable[str]) -> dict[str, str]:
        """Return the name of each server in code."""
        return identifiers(servers, "server")

    def mentioned(self, code: str, packages: Iterable[str]) -> set[str]:
        """Return those of ``packages`` that a program imports: by the text alone, so a few too many."""
        return set(packages).intersection(_imports(code))

    def words(self, code: str) -> set[str]:
        """Return every word of a program."""
        return set(_WORD.findall(code))

    def modules(self, server: str, listing: Listing) -> ServerModules:
        """Return the generated modules of a server.

        Shapes that were only observed are left out: they promise nothing.
        """
        return ServerModules(server, listing.tools)

    def shared(self) -> Mapping[str, str]:
        """Return the generated modules' own runtime, and beside the package ``mcp_runtime``."""
        runtime = Path(__file__).with_name("mcp_runtime.pyi").read_text("utf-8")
        return {
            **{path: PythonPackage({}).source(path) or "" for path in ("_runtime.py", "_resources.py")},
            "../mcp_runtime/__init__.pyi": runtime,
            "../mcp_runtime/data.py": Path(data.__file__).read_text("utf-8"),
        }

    def root(self, known: Iterable[str], unknown: Iterable[str]) -> Mapping[str, str]:
        """Return the package's index."""
        known, unknown = list(known), list(unknown)
        lines = [
            "from typing import Any",
            *(f"from mcp_runtime import {error} as {error}" for error in _ERRORS),
            *(f"from . import {package} as {package}" for package in known),
            *(f"{package}: Any" for package in unknown),
            f"__all__ = {[*known, *unknown]!r}",
        ]
        return {"__init__.pyi": "\n".join(lines) + "\n"}

    def usage(self, tool: ToolDefinition, function: str) -> str:
        """Return how a tool is called: ``git_log(*, repo_path: str, max_count: int = 10)``."""
        line = signature(tool, name=function)
        return line.rpartition(" -> ")[0] or line

    def classes(self, text: str) -> Mapping[str, Sequence[str]]:
        """Return the keys of each ``TypedDict`` in a tool's module."""
        found: dict[str, list[str]] = {}
        places = list(_CLASS.finditer(text))
        ends = [*(match.start() for match in places[1:]), text.find("\nasync def ")]
        for match, end in zip(places, ends, strict=False):
            fields = _FIELD.findall(text[match.end() : end])
            found[match[1] or match[2]] = [plain or quoted.strip('"') for plain, quoted in fields]
        return found

    def anything(self, package: str) -> Mapping[str, str]:
        """Return the files of a server of which nothing is known."""
        return {f"{package}/{self.index}": _ANYTHING}


def _imports(code: str) -> Iterator[str]:
    for listed in _FROM.findall(code):
        if "*" in listed:
            yield from _WORD.findall(code)
        else:
            # `git as g`: the name that follows `as` is no server, and if it is, it costs little.
            yield from _WORD.findall(listed)
    yield from _BELOW.findall(code)
    for name in _RENAMED.findall(code):
        yield from re.findall(rf"\b{name}\s*\.\s*(\w+)", code)
