"""Generated modules, served to a sandbox one at a time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from underpass.catalog.definition import Listing, ToolDefinition
from underpass.codegen.python import PythonPackage, ServerModules
from underpass.discovery.directory import ListingSource
from underpass.errors import ServerNotFound, ToolNotFound, UnderpassError
from underpass.guest import data
from underpass.guest.importer import HELPERS, MAGIC, packed
from underpass.sandbox.modules import SharedModules

_PACKAGE = "mcp_servers"
_RUNTIME = "_runtime"
_SHARED = (_RUNTIME, "_resources")
"""Modules of the package that belong to no server."""
_WORD = re.compile(r"\w+")
_SHOWN = 100
"""Characters of a name that an error repeats."""


class GeneratedModules:
    """The package ``mcp_servers`` of a catalog. A server is listed when its module is asked for."""

    def __init__(self, source: ListingSource) -> None:
        self._source = source
        self._package = PythonPackage(dict.fromkeys(source.names, ()))
        self._names = {package: name for name, package in self._package.packages.items()}
        self._servers: dict[str, tuple[Listing, ServerModules]] = {}
        self._answers: dict[tuple[str, bool], tuple[Listing | None, dict[str, Any]]] = {}
        """By name and whether compiled: no more than there are modules, whatever guests ask."""
        self._compiled: dict[str, dict[str, str]] = {}
        """The modules of each package that have been made for guests of our own Python, by the word that a
        program names it with: the package's own by ``""``."""

    async def module(self, name: str, magic: str) -> dict[str, Any]:
        """Return what a guest needs to load ``name``: whether it is a ``package``, and its code.

        To a guest of our own version of Python (``magic`` says which it has) the ``code`` goes compiled,
        which loads ten times faster than its ``source``. Each answer is made once for each listing.

        Raises:
            ServerNotFound, ToolNotFound: there is no such module.
            ServerUnavailable: its server could not be listed.
        """
        if name == HELPERS:
            return _helpers(magic)
        package, *path = name.split(".")
        if package != _PACKAGE:
            raise ServerNotFound.named(package[:_SHOWN], self._names)
        listing = await self._listing(path)
        compiled = magic == MAGIC
        known = self._answers.get((name, compiled))
        if known is not None and known[0] is listing:
            return known[1]
        source = self._source_of(path, listing)
        if compiled:
            answer = _packed(name, source)
            made = self._compiled.setdefault(path[0] if path else "", {})
            made[path[1].removeprefix("_") if len(path) > 1 else ""] = name
        else:
            answer = {"package": _is_package(path), "source": source}
        self._answers[name, compiled] = (listing, answer)
        return answer

    def shared(self) -> SharedModules:
        """Return the modules that do not depend on any server's tools, and an example of those that do."""
        names = (_PACKAGE, f"{_PACKAGE}.{_RUNTIME}")
        tool = ToolDefinition(
            "example", "call", input_schema={"type": "object", "properties": {"name": {"type": "string"}}}
        )
        server = ServerModules("example", (tool,))
        example = {"": "__init__.py", "._call": "_call.py"}
        return SharedModules(
            loaded={name: _packed(name, self._source_of(name.split(".")[1:], None)) for name in names},
            example={
                f"{_PACKAGE}.example{suffix}": _packed(
                    f"{_PACKAGE}.example{suffix}", server.source(path) or ""
                )
                for suffix, path in example.items()
            },
            program=f"import {_PACKAGE}.example as example\nawait example.call(name='x')",
        )

    async def foreseen(self, code: str) -> dict[str, dict[str, Any]]:
        """Return the modules that a program will ask for, as far as they have been made before.

        They go with the program, which saves it the way here and back for each. What it names is a
        guess by its words alone: a module too many costs little, and one too few is asked for.
        """
        helpers = {HELPERS: _helpers(MAGIC)} if HELPERS in code else {}
        if _PACKAGE not in code:
            return helpers
        words = set(_WORD.findall(code))
        names: set[str] = set()
        for package in words & self._compiled.keys():
            made = self._compiled[package]
            names.update(made[word] for word in made.keys() & {*words, ""})
        found = helpers
        for name in sorted(names):
            # A server that cannot be listed any more is the program's to find out.
            with suppress(UnderpassError):
                found[name] = await self.module(name, MAGIC)
        return found

    async def _listing(self, path: list[str]) -> Listing | None:
        """The tools of the server that a module belongs to, or None for the package's own modules."""
        if not path or (len(path) == 1 and path[0] in _SHARED):
            return None
        if path[0] not in self._names:
            raise ServerNotFound.named(path[0][:_SHOWN], self._names)
        return await self._source.listing(self._names[path[0]])

    def _source_of(self, path: Sequence[str], listing: Listing | None) -> str:
        if listing is None:
            return self._package.source(f"{path[0]}.py" if path else "__init__.py") or ""
        package, *rest = path
        known = self._servers.get(package)
        if known is None or known[0] is not listing:
            known = self._servers[package] = (listing, ServerModules(self._names[package], listing.tools))
        modules = known[1]
        text = modules.source(f"{rest[0]}.py" if rest else "__init__.py") if len(rest) < 2 else None
        if text is None:
            tool = ".".join(rest).removeprefix("_")[:_SHOWN]
            raise ToolNotFound.named(package, tool, modules.functions.values())
        return text


def _is_package(path: Sequence[str]) -> bool:
    return not path or (len(path) == 1 and path[0] not in _SHARED)


def _packed(name: str, source: str) -> dict[str, Any]:
    code = compile(source, f"{name.replace('.', '/')}.py", "exec", dont_inherit=True)
    return {"package": _is_package(name.split(".")[1:]), "code": packed(code)}


def _helpers(magic: str) -> dict[str, Any]:
    """The module of data helpers, which belongs to no server. Only who imports it pays for it."""
    return _packed_helpers() if magic == MAGIC else {"package": False, "source": _helpers_source()}


@cache
def _packed_helpers() -> dict[str, Any]:
    return _packed(HELPERS, _helpers_source()) | {"package": False}


def _helpers_source() -> str:
    return Path(data.__file__).read_text("utf-8")
