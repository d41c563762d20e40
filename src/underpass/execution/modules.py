"""Generated modules, served to a sandbox one at a time."""

from __future__ import annotations

import marshal
from base64 import b64encode
from functools import lru_cache
from importlib.util import MAGIC_NUMBER
from typing import Any

from underpass.catalog.definition import Listing
from underpass.codegen.python import PythonPackage, ServerModules
from underpass.discovery.directory import ListingSource
from underpass.errors import ServerNotFound, ToolNotFound


class GeneratedModules:
    """The package ``mcp_servers`` of a catalog. A server is listed when its module is asked for."""

    def __init__(self, source: ListingSource) -> None:
        self._source = source
        self._package = PythonPackage(dict.fromkeys(source.names, ()))
        self._names = {package: name for name, package in self._package.packages.items()}
        self._servers: dict[str, tuple[Listing, ServerModules]] = {}

    async def module(self, name: str, magic: str) -> dict[str, Any]:
        """Return what a guest needs to load ``name``: whether it is a ``package``, and its code.

        To a guest of our own version of Python (``magic`` says which it has) the ``code`` goes compiled,
        which loads ten times faster than its ``source``.

        Raises:
            ServerNotFound, ToolNotFound: there is no such module.
            ServerUnavailable: its server could not be listed.
        """
        source, is_package = await self.source(name)
        if magic != MAGIC_NUMBER.hex():
            return {"package": is_package, "source": source}
        return {"package": is_package, "code": _compiled(source, f"{name.replace('.', '/')}.py")}

    async def source(self, module: str) -> tuple[str, bool]:
        """Return the text of ``module`` (a dotted name), and whether it is a package.

        Raises:
            ServerNotFound, ToolNotFound: there is no such module.
            ServerUnavailable: its server could not be listed.
        """
        parts = module.split(".")[1:]
        if not parts:
            return self._package.source("__init__.py") or "", True
        package, *rest = parts
        if package == "_runtime" and not rest:
            return self._package.source("_runtime.py") or "", False
        if package not in self._names:
            raise ServerNotFound.named(package, self._names)
        modules = await self._server(self._names[package])
        text = modules.source(f"{rest[0]}.py" if rest else "__init__.py") if len(rest) < 2 else None
        if text is None:
            tool = ".".join(rest)
            raise ToolNotFound.named(package, tool.removeprefix("_"), modules.functions.values())
        return text, not rest

    async def _server(self, name: str) -> ServerModules:
        listing = await self._source.listing(name)
        known = self._servers.get(name)
        if known is None or known[0] is not listing:
            known = self._servers[name] = (listing, ServerModules(name, listing.tools))
        return known[1]


@lru_cache(maxsize=4_096)
def _compiled(source: str, filename: str) -> str:
    return b64encode(marshal.dumps(compile(source, filename, "exec", dont_inherit=True))).decode()
